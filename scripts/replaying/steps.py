"""Replaying optimisation steps: the protocol that a model's module fills in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from mmrec.models import MODELS, Batch, Model
from mmrec.models.losses import total_loss
from replaying.comparison import RELATIVE, Comparison, compare
from replaying.recording import Recording


class StepReplay(ABC):
    """Gives a model the recorded parameters and batches, and compares what it computes.

    The module ``replaying/models/NAME.py`` of a model, with its name in lower case, defines a
    subclass called ``Replay``. It has to say which hyper-parameters a file was recorded with, and
    what the reference calls the parameters; the other methods have defaults.

    Attributes:
        model: the name of the model in experiment files.
        recording: the file.
    """

    model: ClassVar[str]

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters, as in an experiment file.

        ``lr``, ``modalities`` and ``loaders`` are added where the model has them and they are
        missing here.
        """

    @abstractmethod
    def names(self, model: Model) -> Mapping[str, str]:
        """Return {the reference's name of a parameter: ours}."""

    def convert(self, name: str, values: Tensor) -> Tensor:
        """Return a recorded parameter or gradient in our layout, for example transposed."""
        return values

    def begin_epoch(self, model: Model, number: int) -> None:
        """Begin a recorded epoch; a model with recorded draws takes those of ``number``.

        Args:
            model: the model.
            number: counted from 0.
        """
        model.begin_epoch(number + 1, np.random.default_rng(0))

    def begin_step(self, model: Model, step: int) -> None:  # noqa: B027 - optional
        """Prepare a step, counted from 0; for recorded masks of dropout, for example."""

    def end_step(self, model: Model, step: int) -> Iterator[Comparison]:
        """Compare further quantities after the backward pass of a step."""
        yield from ()

    def graphs(self, model: Model) -> Mapping[str, Tensor]:
        """Return dense graphs that are built at the start, by their recorded key."""
        return {}

    def embed(self, model: Model) -> tuple[Tensor, Tensor]:
        """Return the users and the items that are compared with the recorded embeddings."""
        return model.embed()

    def scores(self, scores: Tensor) -> Tensor:
        """Return our scores [U, I] as the reference ranks by them."""
        return scores

    def gradient_tolerance(self, name: str) -> float | None:
        """Return the bound of a parameter's gradient, relative to its largest entry.

        None leaves it out, as by default where only rounding noise moves the parameter.
        """
        return None if name in self.recording.not_compared else RELATIVE

    def build(self) -> Model:
        """Return the model on the recorded data, with the recorded initial parameters."""
        kind = MODELS[self.model]
        assert issubclass(kind, Model)
        fields = kind.Config.model_fields
        common = self.recording.multimodal | {"lr": float(self.recording["lr"])}
        settings = {k: v for k, v in common.items() if k in fields} | self.settings()
        model = kind(kind.Config.model_validate(settings), self.recording.dataset)
        names, parameters = self.names(model), dict(model.named_parameters())
        recorded = {key.removeprefix("init/") for key in self.recording if key.startswith("init/")}
        for what, left in (
            ("no recorded counterpart of", set(parameters) - set(names.values())),
            ("no parameter for the recorded", recorded - set(names)),
        ):
            if left:
                raise SystemExit(f"{self.recording.path}: {what} {', '.join(sorted(left))}")
        with torch.no_grad():
            for theirs, ours in names.items():
                parameters[ours].copy_(self._recorded(f"init/{theirs}", theirs))
        return model

    def compare(self) -> Iterator[Comparison]:
        """Replay the file and yield a comparison for each quantity that it records."""
        default = torch.get_default_dtype()
        torch.set_default_dtype(self.recording.dtype)
        try:
            with torch.random.fork_rng():
                torch.manual_seed(0)  # only initial values draw, and they are replaced
                yield from self._compare()
        finally:
            torch.set_default_dtype(default)

    def _compare(self) -> Iterator[Comparison]:
        recording, model = self.recording, self.build()
        for key, graph in self.graphs(model).items():
            yield compare(key.removesuffix("_dense").replace("_", " "), graph, recording[key])
        optimizers = model.optimizers()
        for step, batch in enumerate(torch.from_numpy(recording["batches"])):
            model.train()
            if step in recording.epoch_starts:
                self.begin_epoch(model, recording.epoch_starts.index(step))
            self.begin_step(model, step)
            model.zero_grad()
            loss = total_loss(model.loss(Batch(*batch)))
            loss.backward()
            yield compare(f"loss of step {step}", loss, recording["loss"][step])
            if step == 0:
                yield from self._compare_gradients(model)
            for optimizer in optimizers:
                optimizer.step()
            yield from self.end_step(model, step)
        yield from self._compare_parameters(model)
        yield from self._compare_ranking(model)

    def _recorded(self, key: str, name: str) -> Tensor:
        return self.convert(name, torch.from_numpy(self.recording[key]))

    def _compare_gradients(self, model: Model) -> Iterator[Comparison]:
        """Compare the gradients; a parameter without a recorded one has none, or zero."""
        parameters = dict(model.named_parameters())
        for theirs, name in self.names(model).items():
            gradient, key = parameters[name].grad, f"grad_step0/{theirs}"
            tolerance = self.gradient_tolerance(theirs)
            if tolerance is None:
                continue
            if key in self.recording:
                ours = torch.zeros_like(parameters[name]) if gradient is None else gradient
                recorded = self._recorded(key, theirs)
                yield compare(
                    f"gradient of {theirs}",
                    self._without_noise(theirs, ours, recorded),
                    recorded.numpy(),
                    relative=tolerance,
                    of_largest=True,
                )
            elif gradient is not None:
                nothing = np.zeros(gradient.shape)
                yield compare(f"gradient of {theirs} (none recorded)", gradient, nothing)

    def _compare_parameters(self, model: Model) -> Iterator[Comparison]:
        parameters = dict(model.named_parameters())
        for theirs, name in self.names(model).items():
            if theirs not in self.recording.not_compared:
                recorded = self._recorded(f"final/{theirs}", theirs)
                ours = self._without_noise(theirs, parameters[name].data, recorded)
                yield compare(f"final {theirs}", ours, recorded.numpy())

    def _without_noise(self, name: str, ours: Tensor, recorded: Tensor) -> Tensor:
        """Return ours with the recorded value of entries that only rounding noise moves."""
        if f"noise/{name}" not in self.recording:
            return ours
        is_noise = self._recorded(f"noise/{name}", name)
        return torch.where(is_noise, recorded, ours)

    @torch.no_grad()
    def _compare_ranking(self, model: Model) -> Iterator[Comparison]:
        """Compare the embeddings and scores that items are ranked by after the last step."""
        model.eval()
        users, items = self.embed(model)
        scores = self.scores(model.scorer()(torch.arange(model.n_users)))
        kind = "fresh" if "fresh_user" in self.recording else "final"
        recorded = [self.recording[f"{kind}_{what}"] for what in ("user", "item", "scores")]
        if self.recording.config.get("item_offset_is_free"):
            items, recorded[1] = items - items.mean(0), recorded[1] - recorded[1].mean(0)
            scores = scores - scores.mean(1, keepdim=True)
            recorded[2] = recorded[2] - recorded[2].mean(1, keepdims=True)
        yield compare("final user embeddings", users, recorded[0])
        yield compare("final item embeddings", items, recorded[1])
        yield compare("final scores", scores, recorded[2])
