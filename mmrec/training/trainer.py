"""The one training loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from mmrec.data import Dataset
from mmrec.errors import ModelError, TrialError
from mmrec.models import Batch, Model, ModelConfig, Recommender
from mmrec.training.checkpoint import Checkpoint, TrainingState
from mmrec.training.protocol import EpochRecord, Evaluated, EvaluationProtocol
from mmrec.training.seeding import rng_for, seed_for

logger = logging.getLogger(__name__)

OnEpoch = Callable[[int, float, EpochRecord | None], None]
"""Called after each epoch with its number, its loss, and its record if it was evaluated."""


class Interrupted(Exception):
    """Training was asked to stop; its state is in the checkpoint."""


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
    recommender: Recommender, protocol: EvaluationProtocol, device: torch.device, *, epoch: int = 0
) -> Outcome:
    """Evaluate a recommender as it is: one that is not trained, or one restored from weights."""
    with torch.no_grad():
        evaluated = protocol.evaluate(recommender, device, epoch=epoch)
    return Outcome(evaluated, [evaluated.record])


class Trainer:
    """Trains a model and keeps its best epoch by the protocol.

    To be used inside :func:`mmrec.training.deterministic`: it seeds torch's default generators at
    the start of each epoch, for the model's dropout, from the trial's seed and the epoch.

    Args:
        model: is moved to ``device``.
        config: its hyper-parameters.
        dataset: what it is trained on.
        protocol: how it is evaluated, selected and stopped.
        device: where it is trained.
        checkpoint: where its state is kept, and found again; None keeps none.
    """

    def __init__(
        self,
        model: Model,
        config: ModelConfig,
        dataset: Dataset,
        protocol: EvaluationProtocol,
        device: torch.device,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.model = model.to(device)
        self.config = config
        self.protocol = protocol
        self.device = device
        self.checkpoint = checkpoint
        batch_size = dataset.n_users if config.batch_size == -1 else config.batch_size
        self.sampler = model.sampler(dataset.train, batch_size)
        if self.sampler.batch_size < batch_size:
            logger.warning(
                "batch_size %d is more than the users there are to draw from: using %d",
                *(batch_size, self.sampler.batch_size),
            )
        self.optimizer = torch.optim.Adam(model.parameters(), lr=config.lr, fused=True)
        self.state = TrainingState()

    def run(
        self,
        on_epoch: OnEpoch | None = None,
        stop: Callable[[], bool] = lambda: False,
        prune: Callable[[Sequence[EpochRecord]], bool] = lambda records: False,
    ) -> Outcome:
        """Train to the end, from the checkpoint if there is one.

        Args:
            on_epoch: told about each epoch that ends.
            stop: asked after each step; when it says yes the state is saved and training ends.
            prune: called with the evaluated epochs before each epoch; training ends when it
                returns True.

        Raises:
            TrialError: a loss or a score is NaN or infinite; the message says where.
            Interrupted: ``stop`` said yes.
        """
        self._restore()
        state = self.state
        while state.epoch <= self.config.epochs and not self._is_done(prune):
            loss = self._run_epoch(stop)
            epoch = state.epoch
            state.losses.append(loss)
            record = None
            if epoch % self.protocol.validation_rate == 0:
                record = self._evaluate(epoch)
            state.epoch, state.step_losses = epoch + 1, []
            if on_epoch is not None:
                on_epoch(epoch, loss, record)
            if self.checkpoint and self.checkpoint.is_due(epoch, evaluated=record is not None):
                self._save()
        if state.best is None:  # there are fewer epochs than the validation rate
            self._evaluate(state.epoch - 1)
        assert state.best is not None
        return Outcome(state.best, state.history, state.losses, state.best_state)

    def _is_done(self, prune: Callable[[Sequence[EpochRecord]], bool]) -> bool:
        return prune(self.state.history) or self.protocol.should_stop(self.state.history)

    def _run_epoch(self, stop: Callable[[], bool]) -> float:
        """Take one pass of optimisation steps and return the mean loss of its batches.

        The losses are read once, at the end: reading each would make the host wait for the device.
        """
        epoch, losses = self.state.epoch, self.state.step_losses
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.lr * self.model.lr_factor(epoch)
        self.model.train()
        if not losses:  # else the epoch was interrupted, and all of this restored
            torch.manual_seed(seed_for(self.config.seed, "epoch", epoch))
            self.model.on_epoch_start(epoch)
        triplets = self.sampler.draw_epoch(rng_for(self.config.seed, "triplets", epoch))
        columns = (torch.from_numpy(column).to(self.device) for column in triplets)
        batches = list(zip(*(c.split(self.sampler.batch_size) for c in columns), strict=True))
        for batch in batches[len(losses) :]:
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.model.loss(Batch(*batch))
            loss.backward()
            self.optimizer.step()
            losses.append(loss.detach())
            if stop():
                self._save()
                raise Interrupted
        return self._mean(losses)

    def _mean(self, losses: list[Tensor]) -> float:
        values = torch.stack(losses).double().cpu()
        wrong = (~values.isfinite()).nonzero()
        if len(wrong):
            number = int(wrong[0]) + 1
            raise TrialError(
                f"the loss of epoch {self.state.epoch}, batch {number} of {len(values)}, is "
                f"{values[number - 1].item()}; a lower lr may help"
            )
        return float(values.mean())

    @torch.no_grad()
    def _evaluate(self, epoch: int) -> EpochRecord:
        """Evaluate the model as it is now; keep its state if it is the best so far."""
        state = self.state
        self.model.eval()
        try:
            evaluated = self.protocol.evaluate(
                self.model, self.device, epoch=epoch, loss=state.losses[-1]
            )
        except ModelError as error:
            raise TrialError(f"evaluation after epoch {epoch}: {error}") from error
        state.history.append(evaluated.record)
        if self.protocol.is_better(evaluated.record, state.best.record if state.best else None):
            state.best = evaluated
            state.best_state = {
                name: tensor.detach().to("cpu", copy=True)
                for name, tensor in self.model.state_dict().items()
            }
        return evaluated.record

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        content: dict[str, Any] = {
            "state": self.state.to_plain(),
            "model": self.model.state_dict(),
            "epoch_state": self.model.epoch_state(),
            "optimizer": self.optimizer.state_dict(),
            "rng": torch.get_rng_state(),
        }
        if self.device.type == "cuda":
            content["cuda_rng"] = torch.cuda.get_rng_state(self.device)
        self.checkpoint.save(content)

    def _restore(self) -> None:
        content = self.checkpoint.load() if self.checkpoint else None
        if content is None:
            return
        self.state = TrainingState.from_plain(content["state"], self.device)
        self.model.load_state_dict(content["model"])
        epoch_state = content["epoch_state"]
        self.model.load_epoch_state({k: x.to(self.device) for k, x in epoch_state.items()})
        self.optimizer.load_state_dict(content["optimizer"])
        torch.set_rng_state(content["rng"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(content["cuda_rng"], self.device)
        logger.info(
            "going on from epoch %d, step %d", self.state.epoch, len(self.state.step_losses)
        )
