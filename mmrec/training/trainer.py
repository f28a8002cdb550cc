"""The one training loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmrec.data import Dataset, TripletSampler
from mmrec.errors import ModelError, TrialError
from mmrec.models import Batch, Model, ModelConfig, Recommender
from mmrec.training.protocol import EpochRecord, Evaluated, Protocol
from mmrec.training.seeding import rng_for, seed_for

logger = logging.getLogger(__name__)

OnEpoch = Callable[[int, float, EpochRecord | None], None]
"""Called after each epoch with its number, its loss, and its record if it was evaluated."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a trial has come to."""

    best: Evaluated
    """The best epoch with its recommendation lists."""
    history: list[EpochRecord]
    """The evaluated epochs, in order."""
    losses: list[float] = field(default_factory=list)
    """The mean loss of every epoch, in order."""
    best_state: dict[str, Tensor] | None = None
    """The model's state at the best epoch, on the CPU; None if nothing is trained."""


def evaluate_untrained(
    recommender: Recommender, protocol: Protocol, device: torch.device, *, epoch: int = 0
) -> Outcome:
    """Evaluate a recommender as it is: one that is not trained, or one restored from weights."""
    with torch.no_grad():
        evaluated = protocol.evaluate(recommender, device, epoch=epoch)
    return Outcome(evaluated, [evaluated.record])


def train(
    model: Model,
    config: ModelConfig,
    dataset: Dataset,
    protocol: Protocol,
    device: torch.device,
    on_epoch: OnEpoch | None = None,
) -> Outcome:
    """Train a model and keep its best epoch by the protocol.

    To be called inside :func:`mmrec.training.deterministic`: it seeds torch's default generators
    at the start of each epoch, for the model's dropout, from the trial's seed and the epoch.

    Raises:
        TrialError: a loss is NaN or infinite; the message names epoch and batch.
    """
    model.to(device)
    sampler = model.sampler(dataset.train, _batch_size(config, dataset))
    if sampler.batch_size < config.batch_size:
        logger.warning(
            "batch_size %d is above what %s can fill: using %d",
            *(config.batch_size, type(sampler).__name__, sampler.batch_size),
        )
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr, fused=True)
    progress = _Progress(model, protocol, device)
    for epoch in range(1, config.epochs + 1):
        for group in optimizer.param_groups:
            group["lr"] = config.lr * model.lr_factor(epoch)
        loss = _run_epoch(model, sampler, optimizer, config.seed, epoch, device)
        progress.losses.append(loss)
        record = progress.evaluate(epoch) if epoch % protocol.validation_rate == 0 else None
        if on_epoch is not None:
            on_epoch(epoch, loss, record)
        if protocol.should_stop(progress.losses, progress.history):
            logger.info("early stopping after epoch %d", epoch)
            break
    if not progress.history:  # stopped by the loss before the first evaluation was due
        progress.evaluate(epoch)
    return progress.outcome()


def _batch_size(config: ModelConfig, dataset: Dataset) -> int:
    return dataset.n_users if config.batch_size == -1 else config.batch_size


def _run_epoch(
    model: Model,
    sampler: TripletSampler,
    optimizer: torch.optim.Optimizer,
    seed: int,
    epoch: int,
    device: torch.device,
) -> float:
    """Take one pass of optimisation steps and return the mean loss of its batches.

    The losses are read once, at the end: reading each would make the host wait for the device.
    """
    torch.manual_seed(seed_for(seed, "epoch", epoch))
    model.train()
    model.on_epoch_start(epoch)
    triplets = sampler.draw_epoch(rng_for(seed, "triplets", epoch))
    columns = (torch.from_numpy(column).to(device) for column in triplets)
    losses = []
    for batch in zip(*(c.split(sampler.batch_size) for c in columns), strict=True):
        optimizer.zero_grad(set_to_none=True)
        loss = model.loss(Batch(*batch))
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    values = torch.stack(losses).double().cpu()
    wrong = (~values.isfinite()).nonzero()
    if len(wrong):
        batch_number = int(wrong[0]) + 1
        raise TrialError(
            f"the loss of epoch {epoch}, batch {batch_number} of {len(values)}, is "
            f"{values[batch_number - 1].item()}; a lower lr may help"
        )
    return float(values.mean())


class _Progress:
    """The evaluations of a training, the best of them and the model's state there."""

    def __init__(self, model: Model, protocol: Protocol, device: torch.device) -> None:
        self.losses: list[float] = []
        self.history: list[EpochRecord] = []
        self._best: Evaluated | None = None
        self._best_state: dict[str, Tensor] = {}
        self._model, self._protocol, self._device = model, protocol, device

    @torch.no_grad()
    def evaluate(self, epoch: int) -> EpochRecord:
        """Evaluate the model as it is now; keep its state if it is the best so far."""
        self._model.eval()
        try:
            evaluated = self._protocol.evaluate(
                self._model, self._device, epoch=epoch, loss=self.losses[-1]
            )
        except ModelError as error:
            raise TrialError(f"evaluation after epoch {epoch}: {error}") from error
        self.history.append(evaluated.record)
        if self._protocol.is_better(evaluated.record, self._best.record if self._best else None):
            self._best = evaluated
            self._best_state = {
                name: tensor.detach().to("cpu", copy=True)
                for name, tensor in self._model.state_dict().items()
            }
        return evaluated.record

    def outcome(self) -> Outcome:
        assert self._best is not None
        return Outcome(self._best, self.history, self.losses, self._best_state)
