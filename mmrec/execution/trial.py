"""One trial: build a recommender, train it, keep what it has come to."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmrec.data import Dataset
from mmrec.errors import TrialError
from mmrec.evaluation import Ranking
from mmrec.files import sha256
from mmrec.models import Model, ModelConfig, Recommender, RecommenderConfig
from mmrec.runs.folder import load_weights
from mmrec.runs.records import TrialRecord
from mmrec.training.allocator import keep_freed_memory
from mmrec.training.checkpoint import Checkpoint
from mmrec.training.determinism import deterministic
from mmrec.training.protocol import EvaluationProtocol
from mmrec.training.seeding import seed_for
from mmrec.training.trainer import OnEpoch, Outcome, Trainer, evaluate_untrained

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TrialSpec:
    """What a trial is to do; its result depends on nothing else but the data and the device."""

    trial_id: str
    name: str
    model: str
    index: int
    recommender: type[Recommender]
    config: RecommenderConfig
    protocol: EvaluationProtocol
    fold: int = 0
    """Number of the fold that it is run on."""
    fold_name: str = ""
    """Its name; empty without folds."""

    @property
    def parameters(self) -> dict[str, Any]:
        """Every hyper-parameter as plain data."""
        parameters: dict[str, Any] = self.config.model_dump(mode="json")
        return parameters


def trial_id(
    model: str, config: RecommenderConfig, selection: Mapping[str, Any], fingerprint: str
) -> str:
    """Return 12 hexadecimal digits that name a trial.

    Args:
        model: the key of the experiment file.
        config: the hyper-parameters, the seed among them.
        selection: the parts of the protocol that the best epoch depends on.
        fingerprint: of the data set.
    """
    facts = [model, config.model_dump(mode="json"), dict(selection), fingerprint]
    return sha256(json.dumps(facts, sort_keys=True).encode())[:12]


def run_trial(
    spec: TrialSpec,
    dataset: Dataset,
    device: torch.device,
    *,
    threads: int | None = None,
    restore_from: Path | None = None,
    checkpoint: Checkpoint | None = None,
    on_epoch: OnEpoch | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Run a trial from its seed to its best epoch, deterministically.

    Args:
        spec: the trial.
        dataset: what it is trained and evaluated on.
        device: where.
        threads: of torch while the trial runs; None leaves their number as it is.
        restore_from: evaluate the weights of this file instead of training.
        checkpoint: where the state of the training is kept, and found again.
        on_epoch: told about each epoch.
        stop: asked after each step whether to save the state and end.

    Raises:
        TrialError: the loss or a score is not finite, or there are no weights to restore.
        Interrupted: ``stop`` said yes.
    """
    with deterministic(device, threads), keep_freed_memory():
        torch.manual_seed(seed_for(spec.config.seed, "init"))
        recommender = spec.recommender(spec.config, dataset)  # type: ignore[call-arg]
        if not isinstance(recommender, Model):
            return evaluate_untrained(recommender, spec.protocol, device)
        if restore_from is not None:
            return _restored(recommender, restore_from, spec.protocol, device)
        assert isinstance(spec.config, ModelConfig)
        trainer = Trainer(
            recommender, spec.config, dataset, spec.protocol, device, checkpoint=checkpoint
        )
        return trainer.run(on_epoch, stop)


def _restored(
    model: Model, path: Path, protocol: EvaluationProtocol, device: torch.device
) -> Outcome:
    state, epoch = load_weights(path)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise TrialError(f"restore: {path} does not fit the model: {error}") from error
    model.to(device).eval()
    return replace(evaluate_untrained(model, protocol, device, epoch=epoch), best_state=state)


def finished_record(spec: TrialSpec, outcome: Outcome, lists: str, seconds: float) -> TrialRecord:
    """Describe a trial that has come to an end; ``lists`` is the text of its best lists."""
    best = outcome.best
    return TrialRecord(
        trial_id=spec.trial_id,
        name=spec.name,
        model=spec.model,
        index=spec.index,
        fold=spec.fold_name,
        parameters=spec.parameters,
        status="finished",
        best_epoch=best.record.epoch,
        validation=best.record.validation,
        test=best.record.test,
        history=[asdict(record) for record in outcome.history],
        losses=outcome.losses,
        seconds=round(seconds, 3),
        weights_sha256=best.record.weights_sha256,
        lists_sha256=sha256(lists.encode()),
    )


def failed_record(spec: TrialSpec, error: BaseException, seconds: float) -> TrialRecord:
    """Describe a trial that has failed."""
    # A message may quote a file's name that is no Unicode, which no file of UTF-8 can hold, or hold
    # a lone CR, which ends a row of a table that is read again.
    message = f"{type(error).__name__}: {error}".encode(errors="backslashreplace").decode()
    return TrialRecord(
        trial_id=spec.trial_id,
        name=spec.name,
        model=spec.model,
        index=spec.index,
        fold=spec.fold_name,
        parameters=spec.parameters,
        status="failed",
        error=message.replace("\r\n", "\n").replace("\r", "\n"),
        seconds=round(seconds, 3),
    )


def lists_as_tsv(ranking: Ranking, dataset: Dataset) -> str:
    """Return recommendation lists as lines of user, item and score, ids as in the data's files."""
    item_ids = np.array(dataset.items.ids, dtype=object)
    lines: list[str] = []
    for user_id, items, scores in zip(
        dataset.users.ids, ranking.items, ranking.scores, strict=True
    ):
        listed = items >= 0
        lines.extend(
            f"{user_id}\t{item_id}\t{score}\n"  # numpy writes the fewest digits that tell it apart
            for item_id, score in zip(item_ids[items[listed]], scores[listed], strict=True)
        )
    return "".join(lines)
