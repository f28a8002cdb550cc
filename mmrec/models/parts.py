"""Parts that several models share: embeddings, item features, gates, attention.

Shapes: U users, I items, M modalities, F_m features of modality m, D width of the embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from mmrec.data import Dataset
from mmrec.errors import ModelError
from mmrec.graph import SparseMatrix, knn_graph
from mmrec.models.configs import FeaturesConfig
from mmrec.models.views import view_of
from mmrec.models.wide import WideLinear, wide_linear


class Table(nn.Embedding):
    """A table of embeddings whose lookup has a quicker gradient than :class:`torch.nn.Embedding`.

    The bits are the same: a row's gradients are added up in the order of their places.
    """

    def forward(self, places: Tensor) -> Tensor:
        """Return rows of the table, [..., D] for ``places`` [...] int64."""
        if places.dim() == 1:
            return self.weight.index_select(0, places)
        rows = self.weight.index_select(0, places.flatten())
        return rows.view(*places.shape, self.embedding_dim)


def embedding(n: int, width: int) -> nn.Embedding:
    """Return a table [n, width] with Xavier-uniform values."""
    return embeddings((n,), width)[0]


def embeddings(sizes: Sequence[int], width: int) -> list[nn.Embedding]:
    """Return a Xavier-uniform table [n, width] for each size, for example of users and items."""
    tables: list[nn.Embedding] = [Table(n, width) for n in sizes]
    for table in tables:
        nn.init.xavier_uniform_(table.weight)
    return tables


@torch.no_grad()
def draw_as_one_table(*tables: nn.Embedding) -> None:
    """Draw new values of tables of one width, Xavier-normal for one table of all their rows."""
    sizes, width = [x.num_embeddings for x in tables], tables[0].embedding_dim
    whole = nn.init.xavier_normal_(torch.empty(sum(sizes), width))
    for table, values in zip(tables, whole.split(sizes), strict=True):
        table.weight.copy_(values)


def interactions(dataset: Dataset) -> SparseMatrix:
    """Return the training interactions as a matrix of ones, [U, I]."""
    users, items = torch.from_numpy(dataset.train.users), torch.from_numpy(dataset.train.items)
    return SparseMatrix.from_edges(users, items, (dataset.n_users, dataset.n_items))


def padded(numbers: Tensor) -> Tensor:
    """Return row numbers followed by repetitions of the first, less than a 64th more, [Q].

    For a product of wide rows oneDNN compiles a kernel for each number of rows that it meets, which
    takes about a tenth of the product. Multiples of a power of two are few.

    Args:
        numbers: [P] int64.
    """
    multiple = 1 << max(len(numbers).bit_length() - 7, 0)
    return torch.cat([numbers, numbers[:1].expand(-len(numbers) % multiple)])


def projected_rows(projection: nn.Linear, features: Tensor, items: Tensor) -> Tensor:
    """Return ``projection(features)[items]``, [P, D].

    Features are wide, and popular items are in a batch many times: each is projected once.

    Args:
        projection: F to D.
        features: [I, F].
        items: [P] int64, in any order and with repetitions.
    """
    distinct, places = items.unique(return_inverse=True)
    is_all = len(distinct) == len(features)
    rows = features if is_all else features.index_select(0, padded(distinct))
    return wide_linear(rows, projection.weight, projection.bias).index_select(0, places)


class Projections(nn.Module):
    """A linear map for each modality, ``W_m x + b_m``.

    Args:
        widths: F_m of each modality.
        width: D, or that of each modality.
    """

    def __init__(self, widths: Mapping[str, int], width: int | Mapping[str, int]) -> None:
        super().__init__()
        self._names = {modality: attribute_name(modality) for modality in widths}
        for modality, features in widths.items():
            projected = width if isinstance(width, int) else width[modality]
            self.add_module(self._names[modality], WideLinear(features, projected))

    def __getitem__(self, modality: str) -> WideLinear:
        """Return the map of a modality."""
        linear = self._modules[self._names[modality]]
        assert isinstance(linear, WideLinear)
        return linear

    def __iter__(self) -> Iterator[str]:
        """Iterate over the modalities."""
        return iter(self._names)

    def forward(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return {modality: [N, D]} for {modality: [N, F_m]}."""
        return {modality: self[modality](x) for modality, x in features.items()}


class ItemFeatures(nn.Module):
    """The features of the items by modality, and their projections to one width.

    Modalities are in the order of the experiment file. With ``control: permute`` every item has
    the features of another item.

    Args:
        config: says which modalities, from which loaders.
        dataset: holds the features.
        width: D of the projections; None for features without projections.
        trainable: whether the features are parameters. Otherwise they are constant and not part
            of the model's state.

    Attributes:
        projections: the linear maps, None without ``width``.
    """

    projections: Projections | None

    def __init__(
        self,
        config: FeaturesConfig,
        dataset: Dataset,
        width: int | None = None,
        *,
        trainable: bool = False,
    ) -> None:
        super().__init__()
        self._names = {modality: attribute_name(modality) for modality in config.sources}
        view = view_of(config, dataset)
        for modality, loader in config.sources.items():
            vectors = torch.tensor(view.features_of(loader))
            if trainable:
                self.register_parameter(self._names[modality], nn.Parameter(vectors))
            else:
                self.register_buffer(self._names[modality], vectors, persistent=False)
        self.projections = None if width is None else Projections(self.widths, width)

    @property
    def raw(self) -> dict[str, Tensor]:
        """The features as they are now, {modality: [I, F_m]}."""
        return {modality: getattr(self, name) for modality, name in self._names.items()}

    @property
    def widths(self) -> dict[str, int]:
        """F_m of each modality."""
        return {modality: x.shape[1] for modality, x in self.raw.items()}

    def projected(self, items: Tensor | None = None) -> dict[str, Tensor]:
        """Return the projections of some items, {modality: [P, D]}.

        Args:
            items: [P] int64; without them all items.
        """
        assert self.projections is not None, "ItemFeatures was built without a width"
        if items is not None:
            maps = self.projections
            return {name: projected_rows(maps[name], x, items) for name, x in self.raw.items()}
        projected: dict[str, Tensor] = self.projections(self.raw)
        return projected

    def neighbour_graphs(
        self,
        k: int,
        *,
        values: Literal["cosine", "ones"] = "cosine",
    ) -> dict[str, SparseMatrix]:
        """Return a constant graph for each modality, {modality: [I, I]}.

        It is the :func:`mmrec.graph.knn_graph` of the features as they are now, normalised
        symmetrically.

        Raises:
            ModelError: a row sum is negative; the message contains modality and ``k``.
        """
        graphs = {}
        for modality, x in self.raw.items():
            graph = knn_graph(x, k, values=values)
            try:
                graphs[modality] = graph.symmetric()
            except ValueError as error:
                raise ModelError(
                    f"the item graph of the {modality} features with {k} neighbours (top_k): "
                    f"{error}; a smaller top_k keeps positive similarities only"
                ) from error
        return graphs

    def __len__(self) -> int:
        """Return the number of modalities, M."""
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the modalities."""
        return iter(self._names)


def attribute_name(modality: str) -> str:
    """Return the name under which a module keeps what belongs to a modality.

    It is that of the modality, followed by ``_`` if the module has an attribute of that name, such
    as ``type``, or if it begins or ends with ``_``: different modalities have different names.
    """
    is_taken = (
        modality == "projections"
        or hasattr(nn.Module(), modality)
        or hasattr(ItemFeatures, modality)
        or modality != modality.strip("_")
    )
    return f"{modality}_" if is_taken else modality


class Gate(nn.Module):
    """``sigmoid(W x + b)``, a factor for each entry of an embedding.

    Args:
        width: D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return factors between 0 and 1, [N, D] for ``x`` [N, D]."""
        return torch.sigmoid(self.linear(x))


class ModalityAttention(nn.Module):
    """Weights of the modalities for each node, ``softmax_m(w^T tanh(W x_m + b))``.

    Args:
        width: D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, width)
        self.query = nn.Linear(width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return weights [M, N, 1], whose sums over the modalities are 1, for ``x`` [M, N, D]."""
        return torch.softmax(self.query(torch.tanh(self.hidden(x))), dim=0)
