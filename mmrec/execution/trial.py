"""One trial: build a recommender, train it, describe the result."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from mmrec.data import Dataset
from mmrec.errors import TrialError
from mmrec.files import encoded, sha256
from mmrec.interruption import interruptible
from mmrec.models import Model, ModelConfig, Recommender, RecommenderConfig
from mmrec.models.views import view_of
from mmrec.runs.example_users import ExampleLists
from mmrec.runs.records import TrialRecord
from mmrec.runs.weights import Weights
from mmrec.search.pruning import Pruning
from mmrec.training.allocator import keep_freed_memory
from mmrec.training.build import build
from mmrec.training.checkpoint import Checkpoint
from mmrec.training.determinism import deterministic
from mmrec.training.protocol import EpochRecord, EvaluationProtocol
from mmrec.training.trainer import OnEpoch, Outcome, Trainer, evaluate_untrained

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TrialSpec:
    """Everything that the result of a trial depends on, except for the data and the device."""

    trial_id: str
    name: str
    model: str
    index: int
    recommender: type[Recommender]
    config: RecommenderConfig
    protocol: EvaluationProtocol
    fold: int = 0
    """Index of the fold to run on."""
    fold_name: str = ""
    """Its name; empty without folds."""
    pruning: Pruning | None = None
    """When to prune the trial; None without a pruner."""

    @property
    def parameters(self) -> dict[str, Any]:
        """Every hyper-parameter as plain data."""
        parameters: dict[str, Any] = self.config.model_dump(mode="json")
        return parameters

    def is_pruned(self, records: Sequence[EpochRecord]) -> bool:
        """Return whether a trial with these evaluated epochs is pruned."""
        return self.pruning is not None and self.pruning.pruned_at(records) is not None


def run_trial(
    spec: TrialSpec,
    dataset: Dataset,
    device: torch.device,
    *,
    threads: int | None = None,
    restore: Callable[[], Weights] | None = None,
    checkpoint: Checkpoint | None = None,
    on_epoch: OnEpoch | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Run a trial from its seed to its best epoch, deterministically.

    Args:
        spec: the trial.
        dataset: what it is trained and evaluated on.
        device: where it runs.
        threads: of torch while the trial runs; None leaves the number unchanged.
        restore: returns weights to evaluate instead of training.
        checkpoint: where the state of the training is saved and restored from.
        on_epoch: called after each epoch.
        stop: called after each step, and between the parts of long fits; when it returns True, the
            state is saved and training ends.

    Raises:
        TrialError: the loss or a score is not finite, or there are no weights to restore.
        Interrupted: ``stop`` returned True.
    """
    with deterministic(device, threads), keep_freed_memory(), _warnings_of_models() as warnings:
        with interruptible(stop):
            recommender = build(spec.recommender, spec.config, dataset)
        if not isinstance(recommender, Model):
            outcome = evaluate_untrained(recommender, spec.protocol, device)
            outcome = replace(outcome, warnings=warnings)
            return _with_cold_items(outcome, recommender, spec, dataset, device)
        trained = (parameter for parameter in recommender.parameters() if parameter.requires_grad)
        n_parameters = sum(parameter.numel() for parameter in trained)
        if restore is not None:
            outcome = _evaluate_weights(recommender, restore(), spec.protocol, device)
        else:
            assert isinstance(spec.config, ModelConfig)
            trainer = Trainer(
                recommender, spec.config, dataset, spec.protocol, device, checkpoint=checkpoint
            )
            outcome = trainer.run(on_epoch, stop, spec.is_pruned)
        outcome = replace(outcome, n_parameters=n_parameters, warnings=warnings)
        return _with_cold_items(outcome, recommender, spec, dataset, device)


@contextmanager
def _warnings_of_models() -> Iterator[list[str]]:
    """Collect the warnings that models log, each once, so that the report can show them."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if (message := record.getMessage()) not in messages:
                messages.append(message)

    collector, models = Collector(logging.WARNING), logging.getLogger("mmrec.models")
    models.addHandler(collector)
    try:
        yield messages
    finally:
        models.removeHandler(collector)


def _with_cold_items(
    outcome: Outcome,
    recommender: Recommender,
    spec: TrialSpec,
    dataset: Dataset,
    device: torch.device,
) -> Outcome:
    """Add the figures of cold items at the best epoch, if the recommender ranks them."""
    protocol, cold = spec.protocol.cold, view_of(spec.config, dataset).cold_items
    if protocol is None or cold is None:
        return outcome
    if isinstance(recommender, Model):
        assert outcome.best_state is not None
        recommender.load_state_dict(outcome.best_state)
        recommender.eval()
    return replace(outcome, cold=protocol.evaluate(recommender, cold, device))


def _evaluate_weights(
    model: Model, weights: Weights, protocol: EvaluationProtocol, device: torch.device
) -> Outcome:
    try:
        model.load_state_dict(weights.state)
    except RuntimeError as error:
        raise TrialError(f"restore: the weights do not fit the model: {error}") from error
    model.to(device).eval()
    outcome = evaluate_untrained(model, protocol, device, epoch=weights.epoch)
    return replace(outcome, best_state=weights.state)


def finished_record(
    spec: TrialSpec,
    outcome: Outcome,
    *,
    lists: str | None,
    seconds: float,
    groups: Mapping[str, dict[str, float]],
    peak_bytes: int | None,
    example_lists: ExampleLists,
) -> TrialRecord:
    """Describe a trial that finished or was pruned.

    Args:
        spec: the trial.
        outcome: its result.
        lists: the text of the recommendation lists of its best epoch; None if it is not kept.
        seconds: how long it took.
        groups: test figures of groups of items.
        peak_bytes: the most memory that it needed; None if unknown.
        example_lists: the lists of the example users.
    """
    best = outcome.best
    pruned_at = spec.pruning.pruned_at(outcome.history) if spec.pruning else None
    return _record(
        spec,
        seconds,
        status="finished" if pruned_at is None else "pruned",
        pruned_at=pruned_at,
        best_epoch=best.record.epoch,
        validation=best.record.validation,
        test=outcome.test,
        cold=outcome.cold,
        history=[asdict(record) for record in outcome.history],
        losses=outcome.losses,
        weights_sha256=best.record.weights_sha256,
        lists_sha256=best.record.lists_sha256,
        lists_file_sha256=None if lists is None else sha256(lists.encode()),
        groups=dict(groups),
        peak_bytes=peak_bytes,
        n_parameters=outcome.n_parameters,
        warnings=outcome.warnings,
        example_lists=example_lists,
    )


def failed_record(spec: TrialSpec, error: BaseException, seconds: float) -> TrialRecord:
    """Describe a trial that failed."""
    # A message may contain the name of a file that is not Unicode, which a file in UTF-8 cannot
    # hold, or a lone CR, which ends a row of a table that is read again.
    message = encoded(f"{type(error).__name__}: {error}").decode()
    message = message.replace("\r\n", "\n").replace("\r", "\n")
    return _record(spec, seconds, status="failed", error=message)


def _record(spec: TrialSpec, seconds: float, **facts: Any) -> TrialRecord:  # noqa: ANN401
    return TrialRecord(
        trial_id=spec.trial_id,
        name=spec.name,
        model=spec.model,
        index=spec.index,
        fold=spec.fold_name,
        parameters=spec.parameters,
        seconds=round(seconds, 3),
        **facts,
    )
