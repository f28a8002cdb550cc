"""Planning and running the trials of an experiment."""

from mmrec.search.inputs import load_dataset
from mmrec.search.model_plan import ModelPlan
from mmrec.search.plan import Plan, make_plan
from mmrec.search.runner import Observer, Study, run_plan
from mmrec.search.store import TrialRecord, TrialStore
from mmrec.search.trial import TrialSpec

__all__ = [
    "ModelPlan",
    "Observer",
    "Plan",
    "Study",
    "TrialRecord",
    "TrialSpec",
    "TrialStore",
    "load_dataset",
    "make_plan",
    "run_plan",
]
