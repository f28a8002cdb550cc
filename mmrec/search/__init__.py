"""Planning and running the trials of an experiment.

The modules, in the order in which an experiment meets them:

- From the file to a plan: ``plan`` (the whole), ``planner`` and ``ablation`` (a model's entry),
  ``points`` (of a search), ``inputs`` (the files that are named); ``model_plan`` is what comes out.
- The data: ``datasets``; ``split_file`` for one file that is split here.
- What a run does, for ``mmrec plan``: ``counts``; ``memory`` measures.
- The search: ``runner`` leads it, ``algorithms`` and ``tpe`` propose points, ``pruning`` ends
  trials, ``selection`` chooses, and keeps test figures away from all of them.
- One trial: ``specs`` says what it is to do, ``trial`` does it, ``execution`` keeps what comes of
  it.
- Where trials run: ``executors`` (in this process), ``processes``, ``ray_executor`` with
  ``ray_cluster`` and ``ray_worker``; ``desk`` is a worker's side of the last two.
- What is kept on the way: ``run_folder``, ``store``; ``signals`` for ending in good order.
"""

from mmrec.search.counts import ModelCounts, count_trials
from mmrec.search.datasets import feature_widths, load_datasets
from mmrec.search.desk import Assignment
from mmrec.search.execution import Workbench, threads_of_trial, unsaved
from mmrec.search.executors import Executor, Observer, SerialExecutor
from mmrec.search.model_plan import ModelFacts, ModelPlan
from mmrec.search.plan import Plan, make_plan
from mmrec.search.processes import ProcessExecutor
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
    "ModelCounts",
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
    "check_shown",
    "choose",
    "count_trials",
    "feature_widths",
    "held_out_ids",
    "identity",
    "items_of",
    "load_datasets",
    "make_plan",
    "run_plan",
    "shown_users",
    "stop_on_signals",
    "threads_of_trial",
    "unknown_user",
    "unsaved",
]
