"""What the trials of a plan are going to need, by arithmetic alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mmrec.evaluation import ranking_bytes
from mmrec.graph import default_backend
from mmrec.models import DataShape, Footprint, ModelConfig, RecommenderConfig
from mmrec.planning.model_plan import ModelPlan
from mmrec.planning.plan import Plan
from mmrec.planning.points import Values, probes
from mmrec.search.cost import Cost, CostSpace, cost_of

PROCESS_BYTES = 340 << 20
"""What a process holds before there is any data: the interpreter and the libraries (measured with
Python 3.11 and torch 2.13 for CPUs on x86-64 Linux). CUDA's own libraries are not in it."""

TRAINING_BYTES = 90 << 20
"""What the first backward pass and the first step of the optimiser load beside it."""

_ROW = 8 + 8 + 8
"""Bytes of an interaction: user, item, rating."""
_GAP = 8
"""Bytes of a training interaction in the sampler of triplets."""
_ID = 200
"""Bytes of the id of a user or item: its text, and its places in a list and a dict."""
_NUMBER = 4
"""Bytes of a float32."""
_MOMENTS = 2
"""Numbers that Adam keeps for each parameter."""


@dataclass(frozen=True)
class Memory:
    """The most that a trial holds at one time, in bytes."""

    host: int
    """Resident memory of the process."""
    device: int | None = None
    """Tensors on the GPU; None if it runs on the CPU."""


@dataclass(frozen=True)
class PointEstimate:
    """What one trial of a point needs."""

    values: Values
    """Hyper-parameters, as the file means them."""
    memory: Memory | None
    """None if the model does not tell."""
    epochs: int
    """At most; 0 if nothing is trained."""
    steps: int
    """Optimisation steps, at most: those of all epochs."""
    evaluations: int
    """At most."""
    cost: Cost
    """Equal for points whose builds, steps and evaluations take equally long."""

    @property
    def size(self) -> int:
        """What points are compared by: the bytes that decide whether it fits."""
        if self.memory is None:
            return 0
        return self.memory.host if self.memory.device is None else self.memory.device


@dataclass(frozen=True)
class ModelEstimate:
    """What the trials of one entry of ``models`` need."""

    name: str
    n_trials: int
    """At most."""
    n_repetitions: int
    """Trials of a point: seeds times folds."""
    smallest: PointEstimate
    largest: PointEstimate
    points: tuple[PointEstimate, ...]
    """In the order of the search; for one that goes by figures, points that stand for the others:
    every option and the bounds of every distribution once."""

    @cached_property
    def costs(self) -> CostSpace:
        """What the points cost, in the order of the search."""
        return CostSpace([point.cost for point in self.points])

    @property
    def steps(self) -> int:
        """The optimisation steps of all trials, at most."""
        return round(self.of_all([point.steps for point in self.points]))

    @property
    def evaluations(self) -> int:
        """The evaluations of all trials, at most."""
        return round(self.of_all([point.evaluations for point in self.points]))

    def of_all(self, numbers: Sequence[float]) -> float:
        """Return the sum over all trials of a number for each of the points.

        Where some points stand for others, each trial is given the largest.
        """
        if len(numbers) * self.n_repetitions == self.n_trials:
            return sum(numbers) * self.n_repetitions
        return max(numbers) * self.n_trials

    def expected(self, numbers: Sequence[float]) -> float:
        """Return the same, but let each point that stands for others stand for as many."""
        return sum(numbers) / len(numbers) * self.n_trials


def estimate_plan(plan: Plan, shape: DataShape, device_type: str = "cpu") -> list[ModelEstimate]:
    """Estimate what every model of a plan needs.

    Args:
        plan: what is going to be run.
        shape: of its data.
        device_type: ``cpu`` or ``cuda``.
    """
    return [_estimate_model(model, plan, shape, device_type) for model in plan.models]


def _estimate_model(
    model: ModelPlan, plan: Plan, shape: DataShape, device_type: str
) -> ModelEstimate:
    values = list(probes(model.space)) if model.points is None else model.points
    points = tuple(
        _estimate_point(model, point, plan.experiment.top_k, shape, device_type) for point in values
    )
    return ModelEstimate(
        name=model.name,
        n_trials=model.n_trials,
        n_repetitions=model.n_folds * (len(model.seeds) or 1),
        smallest=min(points, key=lambda point: point.size),
        largest=max(points, key=lambda point: point.size),
        points=points,
    )


def _estimate_point(
    model: ModelPlan, values: Values, top_k: int, shape: DataShape, device_type: str
) -> PointEstimate:
    config = model.recommender.Config.model_validate(values)
    epochs, steps, evaluations = _course(config, model, shape)
    footprint = model.recommender.footprint(config, shape)
    memory = None
    if footprint is not None:
        n_kept = min(2, evaluations) if epochs else 0
        steps_in_epoch = steps // epochs if epochs else 0
        memory = trial_memory(footprint, shape, top_k, n_kept, steps_in_epoch, device_type)
    return PointEstimate(values, memory, epochs, steps, evaluations, cost_of(config))


def _course(config: RecommenderConfig, model: ModelPlan, shape: DataShape) -> tuple[int, int, int]:
    """Return epochs, steps and evaluations of a trial, as the built-in samplers draw batches."""
    if not isinstance(config, ModelConfig) or model.meta.restore:
        return 0, 0, 1
    batch_size = shape.n_users if config.batch_size == -1 else config.batch_size
    steps = config.epochs * -(-shape.n_train // batch_size)
    return config.epochs, steps, config.epochs // model.meta.validation_rate


def trial_memory(
    footprint: Footprint,
    shape: DataShape,
    top_k: int,
    n_kept: int = 2,
    steps_in_epoch: int = 2,
    device_type: str = "cpu",
) -> Memory:
    """Return the most that a trial holds at one time.

    It is the largest of three: when the model is made, in a step, and in an evaluation. What an
    allocator wastes is not counted.

    Args:
        footprint: of the model.
        shape: of the data.
        top_k: length of the lists.
        n_kept: copies of the best state on the host: 1 from the first evaluation on, and 2 for a
            moment when a later one is better; 0 for what is not trained.
        steps_in_epoch: more than one, and gradients of the first alone are gone at its end.
        device_type: ``cpu`` or ``cuda``.
    """
    weights = _NUMBER * footprint.parameters
    passing = _NUMBER * footprint.passing_gradients if steps_in_epoch > 1 else 0
    best_before = weights * max(0, n_kept - 1)
    base = PROCESS_BYTES + (TRAINING_BYTES if n_kept else 0) + data_bytes(shape)
    trained = weights * (1 + 1 + _MOMENTS) if n_kept else weights
    ranking = footprint.ranking + ranking_bytes(shape.n_users, shape.n_items, shape.n_train, top_k)
    build = weights + footprint.build
    if device_type == "cpu":
        step = trained + best_before + footprint.step
        evaluation = trained - passing + best_before + max(ranking, weights if n_kept else 0)
        return Memory(base + footprint.resident + max(build, step, evaluation))
    gathered = footprint.gathered if default_backend(device_type) == "segment" else 0
    device = trained + footprint.resident + max(footprint.step + gathered, ranking + gathered)
    # The model is made on the host and moved.
    host = base + max(footprint.resident + build, weights * n_kept)
    return Memory(host, device)


def data_bytes(shape: DataShape) -> int:
    """Return the bytes of a data set and its sampler; features count also where they are mapped."""
    features = _NUMBER * shape.n_items * sum(shape.widths.values())
    interactions = _ROW * (shape.n_train + shape.n_held_out) + _GAP * shape.n_train
    return features + interactions + _ID * (shape.n_users + shape.n_items)
