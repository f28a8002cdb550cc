"""Planning and running the trials of an experiment."""

from mmrec.search.execution import Workplace
from mmrec.search.executors import Executor, Observer, SerialExecutor
from mmrec.search.inputs import load_dataset
from mmrec.search.model_plan import ModelPlan
from mmrec.search.plan import Plan, make_plan
from mmrec.search.processes import Assignment, ProcessExecutor
from mmrec.search.run_folder import RunFolder
from mmrec.search.runner import Study, run_plan
from mmrec.search.signals import RunInterrupted, StopRequest, stop_on_signals
from mmrec.search.specs import identity, make_specs
from mmrec.search.store import TrialRecord, TrialStore
from mmrec.search.trial import TrialSpec

__all__ = [
    "Assignment",
    "Executor",
    "ModelPlan",
    "Observer",
    "Plan",
    "ProcessExecutor",
    "RunFolder",
    "RunInterrupted",
    "SerialExecutor",
    "StopRequest",
    "Study",
    "TrialRecord",
    "TrialSpec",
    "TrialStore",
    "Workplace",
    "identity",
    "load_dataset",
    "make_plan",
    "make_specs",
    "run_plan",
    "stop_on_signals",
]
