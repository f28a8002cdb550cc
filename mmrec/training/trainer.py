"""The one training loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from mmrec.data import Dataset, FloatArray
from mmrec.errors import ModelError, TrialError
from mmrec.interruption import Interrupted
from mmrec.models import Batch, Model, ModelConfig, Recommender
from mmrec.models.losses import total_loss
from mmrec.seeding import rng_for, seed_for
from mmrec.training.checkpoint import Checkpoint, TrainingState
from mmrec.training.determinism import seed_torch
from mmrec.training.protocol import EpochRecord, Evaluated, EvaluationProtocol

logger = logging.getLogger(__name__)

OnEpoch = Callable[[int, float, EpochRecord | None], None]
"""Called after each epoch with its number, its loss, and its record if it was evaluated."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a trial."""

    best: Evaluated
    """The best epoch with its recommendation lists."""
    test: dict[str, float]
    """The test figures of these lists, by label."""
    test_per_user: dict[str, FloatArray]
    """By label, [U], NaN for users who do not count."""
    history: list[EpochRecord]
    """The evaluated epochs, in order."""
    losses: list[float] = field(default_factory=list)
    """The mean loss of every epoch, in order."""
    best_state: dict[str, Tensor] | None = None
    """The model's state at the best epoch, on the CPU; None if nothing is trained."""
    cold: dict[str, float] = field(default_factory=dict)
    """The test figures of cold items, see :class:`mmrec.training.cold.ColdProtocol`."""
    n_parameters: int | None = None
    """The number of values that are trained; None if nothing is trained by gradient."""
    warnings: list[str] = field(default_factory=list)
    """What the recommender warned about, in order."""


def evaluate_untrained(
    recommender: Recommender, protocol: EvaluationProtocol, device: torch.device, *, epoch: int = 0
) -> Outcome:
    """Evaluate a recommender as it is: one that is not trained, or one restored from weights."""
    with torch.no_grad():
        evaluated = protocol.evaluate(recommender, device, epoch=epoch)
    test = protocol.test.evaluate(evaluated.ranking)
    return Outcome(evaluated, test.figures, test.per_user, [evaluated.record])


class Trainer:
    """Trains a model and keeps its best epoch by the protocol.

    To be used inside :func:`mmrec.training.determinism.deterministic`: it seeds torch's default
    generators at the start of each epoch, for the model's dropout, from the trial's seed and the
    epoch.

    Args:
        model: is moved to ``device``.
        config: its hyper-parameters.
        dataset: what it is trained on.
        protocol: how it is evaluated, selected and stopped.
        device: where it is trained.
        checkpoint: where its state is saved and restored from; None saves nothing.
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
        self.sampler = model.make_sampler(config, dataset.train)
        if self.sampler.batch_size < config.batch_size:
            logger.warning(
                "batch_size %d is above the number of users to draw from: using %d",
                *(config.batch_size, self.sampler.batch_size),
            )
        self.optimizers = list(model.optimizers())
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
        self.state = TrainingState()

    def run(
        self,
        on_epoch: OnEpoch | None = None,
        stop: Callable[[], bool] = lambda: False,
        prune: Callable[[Sequence[EpochRecord]], bool] = lambda records: False,
    ) -> Outcome:
        """Train to the end, from the checkpoint if there is one.

        Args:
            on_epoch: called after each epoch.
            stop: called after each step; when it returns True the state is saved and training
                ends.
            prune: called with the evaluated epochs before each epoch; training ends when it
                returns True.

        Raises:
            TrialError: a loss or a score is NaN or infinite; the message says where.
            Interrupted: ``stop`` returned True.
        """
        self._restore()
        state = self.state
        while state.epoch <= self.config.epochs and not self._is_done(prune):
            loss, terms = self._run_epoch(stop)
            epoch = state.epoch
            state.losses.append(loss)
            record = None
            if epoch % self.protocol.validation_rate == 0:
                record = self._evaluate(epoch, terms)
            elif epoch == self.config.epochs and state.best is None:
                self._evaluate(epoch, terms)  # there are fewer epochs than the validation rate
            state.epoch, state.step_losses, state.step_terms = epoch + 1, [], {}
            if on_epoch is not None:
                on_epoch(epoch, loss, record)
            if self.checkpoint and self.checkpoint.is_due(epoch, evaluated=record is not None):
                self._save()
        assert state.best is not None
        test = self.protocol.test.evaluate(state.best.ranking)
        return Outcome(
            state.best, test.figures, test.per_user, state.history, state.losses, state.best_state
        )

    def _is_done(self, prune: Callable[[Sequence[EpochRecord]], bool]) -> bool:
        return prune(self.state.history) or self.protocol.should_stop(self.state.history)

    def _run_epoch(self, stop: Callable[[], bool]) -> tuple[float, dict[str, float]]:
        """Take one pass of optimisation steps; return the means of the loss and of its terms.

        The losses are read once, at the end: reading each would make the host wait for the device.
        """
        state = self.state
        epoch, losses, terms = state.epoch, state.step_losses, state.step_terms
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * self.model.lr_factor(epoch)
        self.model.train()
        if not losses:  # otherwise the epoch was interrupted and is resumed
            seed_torch(seed_for(self.config.seed, "epoch", epoch), self.device)
            self._begin_epoch()
        rng = rng_for(self.config.seed, "triplets", epoch)
        batches = Batch.of_epoch(self.sampler, rng, self.device)
        parameters = list(self.model.parameters())
        for batch in batches[len(losses) :]:
            for parameter in parameters:
                parameter.grad = None
            loss = self._loss(batch)
            loss.backward()
            for optimizer in self.optimizers:
                optimizer.step()
            losses.append(loss.detach())
            if stop():
                self._save()
                raise Interrupted
        self._check_finite(losses, terms)
        return _mean(losses), {name: _mean(steps) for name, steps in terms.items()}

    def _begin_epoch(self) -> None:
        epoch = self.state.epoch
        self.model.begin_epoch(epoch, rng_for(self.config.seed, "begin_epoch", epoch))

    def _loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, the sum of its terms; keep the terms that have names."""
        loss = self.model.loss(batch)
        if not isinstance(loss, Mapping):
            return loss
        if not loss:
            raise ModelError(f"{type(self.model).__name__}.loss returned no terms")
        for name, term in loss.items():
            self.state.step_terms.setdefault(name, []).append(term.detach())
        return total_loss(loss)

    def _check_finite(self, losses: list[Tensor], terms: Mapping[str, list[Tensor]]) -> None:
        values = torch.stack(losses)
        wrong = (~values.isfinite()).nonzero()
        if not len(wrong):
            return
        step = int(wrong[0])
        named = [name for name, steps in terms.items() if not steps[step].isfinite()]
        hint = "a lower lr may help"
        if self.state.epoch == 1 and step == 0:
            extreme = "features or hyper-parameters have an extreme value"
            hint = f"nothing has been trained yet: {extreme}"
        raise TrialError(
            f"the loss of epoch {self.state.epoch}, batch {step + 1} of {len(values)}, is "
            f"{values[step].item()}{f' ({named[0]})' if named else ''}; {hint}"
        )

    @torch.no_grad()
    def _evaluate(self, epoch: int, terms: Mapping[str, float]) -> EpochRecord:
        """Evaluate the model in its present state; keep the state if it is the best so far."""
        state = self.state
        self.model.eval()
        try:
            evaluated = self.protocol.evaluate(
                self.model, self.device, epoch=epoch, loss=state.losses[-1], terms=terms
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
            "device": self.device.type,
            "state": self.state.to_plain(),
            "model": self.model.state_dict(),
            "epoch_state": self.model.epoch_state(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "rng": torch.get_rng_state(),
        }
        if self.device.type == "cuda":
            content["cuda_rng"] = torch.cuda.get_rng_state(self.device)
        self.checkpoint.save(content)

    def _restore(self) -> None:
        content = self.checkpoint.load() if self.checkpoint else None
        if content is None:
            return
        if content["device"] != self.device.type:
            logger.warning(
                "the checkpoint was saved on the device %s, and this is %s; the trial starts from "
                "its beginning",
                *(content["device"], self.device.type),
            )
            return
        self.state = TrainingState.from_plain(content["state"], self.device)
        self.model.load_state_dict(content["model"])
        if self.state.step_losses:
            self._begin_epoch()
        epoch_state = content["epoch_state"]
        self.model.load_epoch_state({k: x.to(self.device) for k, x in epoch_state.items()})
        for optimizer, state in zip(self.optimizers, content["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        torch.set_rng_state(content["rng"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(content["cuda_rng"], self.device)
        logger.info("resumed in epoch %d, step %d", self.state.epoch, len(self.state.step_losses))


def _mean(values: list[Tensor]) -> float:
    return float(torch.stack(values).double().cpu().mean())
