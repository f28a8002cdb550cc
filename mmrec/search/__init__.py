"""Planning and running the trials of an experiment."""

from mmrec.search.datasets import load_datasets, measure_data
from mmrec.search.estimate import (
    Memory,
    ModelEstimate,
    PointEstimate,
    estimate_plan,
    trial_memory,
)
from mmrec.search.execution import Workbench, threads_of_trial
from mmrec.search.executors import Executor, Observer, SerialExecutor
from mmrec.search.forecast import Forecast, ModelForecast, make_forecast
from mmrec.search.memory import available_memory, gibibytes
from mmrec.search.model_plan import ModelFacts, ModelPlan
from mmrec.search.plan import Plan, make_plan
from mmrec.search.probe import Probe, probe
from mmrec.search.processes import Assignment, ProcessExecutor
from mmrec.search.ray_cluster import check_ray
from mmrec.search.ray_executor import RayExecutor
from mmrec.search.run_folder import RunFolder
from mmrec.search.runner import Study, run_plan
from mmrec.search.selection import Objective, PointView, ValidationView, choose
from mmrec.search.shown import check_shown, held_out_ids, items_of, shown_users, unknown_user
from mmrec.search.signals import RunInterrupted, StopRequest, stop_on_signals
from mmrec.search.specs import Order, SpecMaker, identity
from mmrec.search.store import TrialRecord, TrialStore
from mmrec.search.trial import TrialSpec

__all__ = [
    "Assignment",
    "Executor",
    "Forecast",
    "Memory",
    "ModelEstimate",
    "ModelFacts",
    "ModelForecast",
    "ModelPlan",
    "Objective",
    "Observer",
    "Order",
    "Plan",
    "PointEstimate",
    "PointView",
    "Probe",
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
    "available_memory",
    "check_ray",
    "check_shown",
    "choose",
    "estimate_plan",
    "gibibytes",
    "held_out_ids",
    "identity",
    "items_of",
    "load_datasets",
    "make_forecast",
    "make_plan",
    "measure_data",
    "probe",
    "run_plan",
    "shown_users",
    "stop_on_signals",
    "threads_of_trial",
    "trial_memory",
    "unknown_user",
]
