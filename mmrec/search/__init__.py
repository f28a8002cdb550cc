"""Planning and running the trials of an experiment."""

from mmrec.search.datasets import load_datasets
from mmrec.search.execution import Workbench
from mmrec.search.executors import Executor, Observer, SerialExecutor
from mmrec.search.model_plan import ModelFacts, ModelPlan
from mmrec.search.plan import Plan, make_plan
from mmrec.search.processes import Assignment, ProcessExecutor
from mmrec.search.ray_cluster import check_ray
from mmrec.search.ray_executor import RayExecutor
from mmrec.search.run_folder import RunFolder
from mmrec.search.runner import Study, run_plan
from mmrec.search.selection import Objective, PointView, ValidationView, choose
from mmrec.search.signals import RunInterrupted, StopRequest, stop_on_signals
from mmrec.search.specs import Order, SpecMaker, identity
from mmrec.search.store import TrialRecord, TrialStore
from mmrec.search.trial import TrialSpec

__all__ = [
    "Assignment",
    "Executor",
    "ModelFacts",
    "ModelPlan",
    "Objective",
    "Observer",
    "Order",
    "Plan",
    "PointView",
    "ProcessExecutor",
    "RayExecutor",
    "RunFolder",
    "RunInterrupted",
    "SerialExecutor",
    "SpecMaker",
    "StopRequest",
    "Study",
    "TrialRecord",
    "TrialSpec",
    "TrialStore",
    "ValidationView",
    "Workbench",
    "check_ray",
    "choose",
    "identity",
    "load_datasets",
    "make_plan",
    "run_plan",
    "stop_on_signals",
]
