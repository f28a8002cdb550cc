"""NGCFM, recorded from Ducho-meets-Elliot."""

from __future__ import annotations

from mmrec.models import Model
from replaying.models import ngcf
from replaying.models.mmrec_toolbox import linear


class Replay(ngcf.Replay):
    """The draws are those of NGCF."""

    model = "NGCFM"
    keys = (*ngcf.Replay.keys, "aggregation")

    def names(self, model: Model) -> dict[str, str]:
        """Return our names of the parameters."""
        content = {"Tu.weight": "content_users.weight"} | linear("proj", "projection")
        return super().names(model) | content
