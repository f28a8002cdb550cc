"""SimGCL: LightGCN with a contrastive loss between two views of the embeddings with added noise."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from mmrec.config import Count, Flag, NonNegativeReal
from mmrec.data import Dataset, EachInteraction
from mmrec.graph import BatchRows, bipartite, mean_of_layers
from mmrec.models import Batch, Model, ModelConfig, register
from mmrec.models.draws import uniform
from mmrec.models.losses import bounded_bpr_loss, info_nce, norm_penalty
from mmrec.models.parts import embeddings, interactions

TEMPERATURE = 0.2
"""Of the contrastive loss."""

OFFSET = 1e-5
"""Added to the probability whose logarithm is the loss of ranking."""


class SimGCLConfig(ModelConfig):
    """Hyper-parameters of :class:`SimGCL`."""

    factors: Count = 64
    """Width of the embeddings."""
    n_layers: Count = 1
    """Graph convolutions over users and items."""
    normalize: Flag = True
    """Propagate over ``D^-1/2 A D^-1/2`` instead of A."""
    l_w: NonNegativeReal = 0.01
    """Weight of the penalty."""
    reg_cl: NonNegativeReal = 0.01
    """Weight of the contrastive loss."""
    eps: NonNegativeReal = 0.2
    """Length of the noise that is added to the embedding of a node in a layer."""


@register("SimGCL")
class SimGCL(Model):
    """Are Graph Augmentations Necessary? Simple Graph Contrastive Learning (Yu et al., SIGIR 2022).

    With A the adjacency of users and items and ``x_0`` the table of all embeddings,

        x_l = A x_(l-1)
        z = (x_1 + ... + x_L) / L
        s(u, i) = <z_u, z_i>

    with L = ``n_layers``; unlike in LightGCN, layer 0 is not in the mean. Two views z1 and z2 add
    noise to each layer before the next one reads it,

        y = A x_(l-1)
        x_l = y + eps sign(y) d / |d|,  d uniform between 0 and 1

    for each node. The noise has no gradient. The loss of B samples (u, p, n) is

        mean of -log(1e-5 + sigmoid(s(u, p) - s(u, n))) + l_w (|Z_u| + |Z_p|) / B
            + reg_cl (c(users) + c(positives))
        c(S) = mean over v in S of -log softmax_w(cos(z1_v, z2_w) / 0.2) at w = v, over w in S

    where ``Z_u`` and ``Z_p`` are the rows of the batch, ``|Z|`` is the Frobenius norm, not squared,
    and S are the distinct users or positives of the batch.

    Public code: Ducho-meets-Elliot is followed. Its penalty is on norms of propagated embeddings,
    where the paper has squares of the parameters. It seeds its generator again in each epoch, so
    that all epochs have the same batches and negatives; here each has its own. Here, the graph is
    normalised once.

    Cost: in a step, 3 L - 2 products forward, because all propagations share the first layer, and L
    backward, because they differ in constants alone. The last layer and its noise are computed at
    the nodes of the batch only; noise for all nodes is drawn 2 (L - 1) times.

    Shapes: U users, I items, N = U + I nodes, P nodes of a batch, D ``factors``.

    Kind: contrastive. Graphs: users and items.
    """

    Config = SimGCLConfig
    sampler = EachInteraction
    config: SimGCLConfig

    def __init__(self, config: SimGCLConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.users, self.items = embeddings(self.sizes, config.factors)
        graph = bipartite(interactions(dataset))
        self.graph = graph.symmetric() if config.normalize else graph

    def embed(self) -> tuple[Tensor, Tensor]:
        """Return users [U, D] and items [I, D]."""
        return self.split_nodes(self.plain(self.first_layer()), self.n_users)

    def first_layer(self) -> Tensor:
        """Return ``A x^(0)``, [N, D]."""
        return self.graph @ torch.cat([self.users.weight, self.items.weight])

    def plain(self, first: Tensor, nodes: Tensor | None = None) -> Tensor:
        """Return the mean of the layers without noise, [N, D], or at some nodes."""
        return mean_of_layers(self.graph, first, self.config.n_layers - 1, nodes)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return BPR, the penalty, and the contrast of the two views."""
        users, user_places = batch.users.unique(return_inverse=True)
        positives, positive_places = batch.positives.unique(return_inverse=True)
        first = self.first_layer()
        contrasted = torch.cat([users, self.n_users + positives])
        _, negatives = batch.split(batch.items)
        nodes = torch.cat([contrasted, self.n_users + negatives])
        plain, negative = self.plain(first, nodes).split([len(contrasted), len(batch)])
        sizes = len(users), len(positives)
        each_user, each_positive = plain.split(sizes)
        user, positive = each_user[user_places], each_positive[positive_places]
        views = [self.view(first, plain, contrasted).split(sizes) for _ in range(2)]
        of_users, of_positives = (info_nce(x, y, TEMPERATURE) for x, y in zip(*views, strict=True))
        return {
            "ranking": bounded_bpr_loss(user, positive, negative, offset=OFFSET),
            "penalty": self.config.l_w * norm_penalty(user, positive),
            "contrast": self.config.reg_cl * (of_users + of_positives),
        }

    def view(self, first: Tensor, plain: Tensor, nodes: Tensor) -> Tensor:
        """Return the mean of the layers with noise at some nodes, with the gradient of ``plain``.

        Args:
            first: the first layer without noise, [N, D].
            plain: the mean without noise at the nodes, [P, D].
            nodes: [P] int64.
        """
        return self.noisy(first.detach(), nodes) + (plain - plain.detach())

    @torch.no_grad()
    def noisy(self, first: Tensor, nodes: Tensor) -> Tensor:
        """Return the value of a view at some nodes, [P, D]."""
        n_layers = self.config.n_layers
        last = BatchRows(self.graph, nodes)
        y = first if n_layers > 1 else first.index_select(0, nodes)
        total = first.new_zeros(len(nodes), first.shape[1])
        for layer in range(2, n_layers + 1):
            x = self.perturbed(y)
            total += x.index_select(0, nodes)
            y = last.product(x) if layer == n_layers else self.graph @ x
        return (total + self.perturbed(y, nodes)) / n_layers

    def perturbed(self, y: Tensor, nodes: Tensor | None = None) -> Tensor:
        """Return ``y + eps * sign(y) * d / |d|`` for all nodes, or for the rows of some."""
        noise = normalize(self.draw(y, nodes))
        return torch.addcmul(y, noise, y.sign(), value=self.config.eps)

    def draw(self, y: Tensor, nodes: Tensor | None) -> Tensor:
        """Return uniform numbers between 0 and 1 in the shape of y.

        ``nodes`` are those of the rows of y: what repeats recorded noise overrides this method.
        """
        return uniform(y)
