"""RP3beta and P3alpha, recorded from Elliot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from mmrec.graph.row_blocks import dense
from mmrec.models import Recommender
from mmrec.models.rp3beta import RP3beta
from replaying.comparison import Comparison
from replaying.recording import Array
from replaying.scores import ScoresReplay, compare_closed_form, dense_rows


class Replay(ScoresReplay):
    """The files have the weights before the cuts, between them, and after them.

    A tie in the cut of the rows moves a weight to another column: then the sorted rows between the
    cuts are compared, and the sorted columns of the second cut of the recorded weights.
    """

    model = "RP3beta"
    sorts_columns = False

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters, which have Elliot's names."""
        return self.parameters

    def arrays(self, model: Recommender) -> Mapping[str, Array]:
        """Return the weights at each stage, [I, I]."""
        assert isinstance(model, RP3beta)
        before, between = model.weights(model.left), model.cut_rows(model.left)
        return {
            "similarity": dense_rows(before, model.n_items),
            "after_row_cut": dense(between),
            "W": dense(model.right),
        }

    def tolerance(self, key: str) -> float | None:
        """Return the bound of an array; ties leave the rows between the cuts undefined."""
        if key == "after_row_cut" and self.recording["tied_columns"].any():
            return None
        return super().tolerance(key)

    def further(self, model: Recommender) -> Iterator[Comparison]:
        """Compare sorted values, which ties do not change."""
        assert isinstance(model, RP3beta)
        recorded = self.recording["after_row_cut"].astype(np.float64)
        ours = dense(model.cut_rows(model.left))
        yield compare_closed_form(
            "sorted rows of after_row_cut", np.sort(ours, axis=1), np.sort(recorded, axis=1)
        )
        weights = self.recorded("W")
        assert weights is not None
        cut = dense(model.cut_columns(csr_array(recorded)))
        yield compare_closed_form(
            "sorted columns of the cut of after_row_cut", np.sort(cut, axis=0), np.sort(weights, 0)
        )
