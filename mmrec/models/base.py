"""What a recommender is: a configuration, a scorer and, if it is trained, a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from mmrec.data import SAMPLERS, ColdItems, Dataset, Interactions, Sampler, UniformUsers
from mmrec.errors import ModelError
from mmrec.evaluation import Ranking, rank
from mmrec.graph import SparseMatrix
from mmrec.models.adam import QuickAdam
from mmrec.models.batch import Batch
from mmrec.models.configs import ModelConfig, RecommenderConfig
from mmrec.models.shared import detached, keep, moved

_T = TypeVar("_T", bound=SparseMatrix | Sequence[SparseMatrix] | Mapping[str, SparseMatrix])


class Recommender(ABC):
    """Scores items for users. Subclass it directly when nothing is trained by gradient.

    Args:
        config: the hyper-parameters, an instance of ``Config``.
        dataset: the recommender reads its training split and its features.

    Attributes:
        Config: the class of ``config``.
        config: the hyper-parameters.
        n_users: U.
        n_items: I.
        no_cold_items: why it has no :meth:`cold_scorer`, for a reader.
        uses_seed: whether its scores depend on the seed of the trial.
    """

    Config: ClassVar[type[RecommenderConfig]] = RecommenderConfig
    uses_seed: ClassVar[bool] = True
    no_cold_items: ClassVar[str] = "its scores come from the training rows of the items"

    def __init__(self, config: Any, dataset: Dataset) -> None:  # noqa: ANN401 - the model's own
        self.config = config
        self.n_users = dataset.n_users
        self.n_items = dataset.n_items
        self._dataset = dataset

    @property
    def sizes(self) -> tuple[int, int]:
        """The numbers of users and items, (U, I), to split nodes by."""
        return self.n_users, self.n_items

    @abstractmethod
    def scorer(self) -> Callable[[Tensor], Tensor]:
        """Return a function from users [B] int64 to raw scores [B, I], higher is better.

        Called once per evaluation; compute what all users share here.
        """

    def cold_scorer(self, cold: ColdItems) -> Callable[[Tensor], Tensor]:
        """Return a function from users [B] int64 to raw scores [B, C] of cold items.

        Only a recommender that overrides it ranks items without a training row. The score of an
        item depends on its vectors, and not on the other cold items. Called at most once a trial,
        at the best epoch; nothing is selected by these scores.

        Args:
            cold: the C items, with the features that the recommender sees of other items.
        """
        raise ModelError(f"{type(self).__name__} cannot rank cold items: {self.no_cold_items}")

    @classmethod
    def ranks_cold_items(cls) -> bool:
        """Return whether it has a :meth:`cold_scorer`."""
        return cls.cold_scorer is not Recommender.cold_scorer

    def rank(self, train: Interactions, top_k: int, device: torch.device) -> Ranking:
        """Return the ``top_k`` best items of every user without those of ``train``."""
        return rank(self.scorer(), train, top_k, device=device)

    def shared(self, build: Callable[[], _T], *key: Hashable) -> _T:
        """Return what ``build`` returns, from an earlier trial on the same data if possible.

        For graphs that take long to build and depend on nothing that is trained, called in
        ``__init__``. The last two results per data set are kept. They are identified by the
        class, the name of ``build``, the loaders of the modalities, ``control`` and ``key``.

        Args:
            build: a method without arguments that returns a :class:`SparseMatrix`, or a list,
                tuple or dict of some.
            key: every hyper-parameter that ``build`` reads.

        Returns:
            The result without gradient. Assigned to an attribute, it follows the model to its
            device; trials on one device share the copy there.
        """
        sources = tuple(getattr(self.config, "sources", {}).items())
        permuted_by = self.config.seed if _is_permuted(self.config) else None
        facts = (type(self), build.__name__, sources, permuted_by, key)
        return keep(self._dataset.shared, facts, lambda: detached(build()))


class Model(nn.Module, Recommender):
    """A recommender trained by gradient: how to embed, and what to minimise.

    It never sees the device, seeds, the evaluation or files. Parameters are initialised in
    ``__init__`` under the trial's seed; dropout draws under it too.

    Attributes:
        sampler: draws the batches, unless the model's entry names another sampler.
    """

    Config: ClassVar[type[RecommenderConfig]] = ModelConfig
    sampler: ClassVar[type[Sampler]] = UniformUsers
    no_cold_items: ClassVar[str] = (
        "its items have parameters of their own, which are learned from training rows"
    )

    def __init__(self, config: Any, dataset: Dataset) -> None:  # noqa: ANN401 - the model's own
        nn.Module.__init__(self)
        Recommender.__init__(self, config, dataset)

    @abstractmethod
    def embed(self) -> tuple[Tensor, Tensor]:
        """Return the embeddings to rank by: users [U, D] and items [I, D]."""

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor | Mapping[str, Tensor]:
        """Return the scalar that one optimisation step lowers, or its named terms.

        Terms are added in their order. Their means over each evaluated epoch are recorded among
        the diagnostics as ``loss/NAME``.
        """

    def scorer(self) -> Callable[[Tensor], Tensor]:
        """Score by the inner product of the embeddings."""
        users, items = self.embed()
        return lambda batch: users[batch] @ items.T

    def begin_epoch(self, epoch: int, rng: np.random.Generator) -> None:
        """Prepare for an epoch, for example draw the edges that it uses; the default does nothing.

        Called at the start of each epoch, and again with the same generator when a training is
        resumed within it. What it computes may therefore depend on the data, the hyper-parameters
        and ``rng``, but not on trained parameters or torch's generators; what does is part of
        :meth:`epoch_state`.

        Args:
            epoch: counted from 1.
            rng: its own for each epoch, derived from the trial's seed.
        """

    def epoch_state(self) -> dict[str, Tensor]:
        """Return what the rest of an epoch needs that depends on earlier parameters.

        It is saved in checkpoints. Most models have nothing of this kind.
        """
        return {}

    def load_epoch_state(self, state: dict[str, Tensor]) -> None:  # optional
        """Restore what :meth:`epoch_state` returned, after :meth:`begin_epoch`."""

    def optimizers(self) -> Sequence[Optimizer]:
        """Return the optimisers, all of which take each step.

        By default one Adam with ``lr`` and ``weight_decay`` for all parameters, fused where they
        allow it.
        """
        parameters = [p for p in self.parameters() if p.requires_grad]
        kind = QuickAdam if QuickAdam.allows(parameters) else Adam
        return [kind(parameters, lr=self.config.lr, weight_decay=self.config.weight_decay)]

    def lr_factor(self, epoch: int) -> float:
        """Return the factor of every learning rate in an epoch, counted from 1.

        By default ``a^((epoch - 1) / b)`` with ``lr_sched`` = (a, b).
        """
        base, period = self.config.lr_sched
        return float(base ** ((epoch - 1) / period))

    def diagnostics(self) -> Mapping[str, float]:
        """Return quantities of the model in its present state that are worth watching.

        Called at every evaluation and kept in the trial's record; by default empty. A name such
        as ``modality_weights/visual`` consists of a quantity and one of its series: the report
        draws the series of each quantity over the epochs.
        """
        return {}

    @classmethod
    def default_sampler(cls, config: Any) -> type[Sampler]:  # noqa: ANN401 - the model's own
        """Return the sampler of a configuration that names none, ``sampler`` by default."""
        return cls.sampler

    @classmethod
    def needs_negatives(cls, config: Any) -> bool:  # noqa: ANN401 - the model's own
        """Return whether the loss needs negatives: by default, if the default sampler has some."""
        return cls.default_sampler(config).has_negatives

    @classmethod
    def make_sampler(cls, config: ModelConfig, train: Interactions) -> Sampler:
        """Return the sampler that a training with a configuration uses.

        A sample has as many negatives as the field ``n_negatives`` of the configuration says, one
        if there is no such field.

        Raises:
            DataError: the interactions cannot be sampled.
        """
        batch_size = train.n_users if config.batch_size == -1 else config.batch_size
        kind = SAMPLERS.find(config.sampler) if config.sampler else cls.default_sampler(config)
        return kind(train, batch_size, getattr(config, "n_negatives", 1))

    def everyone(self) -> tuple[Tensor, Tensor]:
        """Return the numbers of all users [U] and of all items [I], int64, on the device."""
        device = next(self.parameters()).device
        return torch.arange(self.n_users, device=device), torch.arange(self.n_items, device=device)

    def nodes(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the numbers of users and items as nodes of :func:`mmrec.graph.bipartite`.

        Args:
            users: [P] int64.
            items: [Q] int64.

        Returns:
            [P + Q] int64: the users, then the items.
        """
        return torch.cat([users, self.n_users + items])

    def split_nodes(self, rows: Tensor, n_users: int) -> tuple[Tensor, Tensor]:
        """Return the rows of users and those of items, in the order of :meth:`nodes`.

        Args:
            rows: [P + Q, D].
            n_users: P.
        """
        users, items = rows.split([n_users, len(rows) - n_users])
        return users, items

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Model:
        """Apply ``fn`` to sparse matrices, too: this is how torch moves a module to a device."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for module in self.modules():
            for name, value in list(vars(module).items()):
                changed = moved(value, fn)
                if changed is not value:
                    setattr(module, name, changed)
        return self


def _is_permuted(config: RecommenderConfig) -> bool:
    return getattr(config, "control", "none") == "permute"
