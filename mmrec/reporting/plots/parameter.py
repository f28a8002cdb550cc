"""Hyper-parameters on the axes of a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mmrec.reporting.plots.style import CHARACTERS, broken, grow, shortened
from mmrec.text import value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TURNED = 35
"""Degrees of labels that are too long to be horizontal."""


class Parameter(NamedTuple):
    """A hyper-parameter and its different values, in order."""

    name: str
    levels: Sequence[Any]

    @property
    def places(self) -> dict[str, int]:
        """The place of each value by its ``repr``; values may be lists."""
        return {repr(value): place for place, value in enumerate(self.levels)}

    def label(self, axes: Axes, which: str) -> None:
        """Label the axis ``x`` or ``y`` with the name, and its places with the values."""
        texts = [shortened(value_text(value), 24) for value in self.levels]
        longest = max(map(len, texts), default=0)
        figure = axes.get_figure(root=True)
        assert figure is not None
        look: dict[str, Any] = {}
        if which == "x" and len(texts) * longest > 45:
            look = {"rotation": _TURNED, "ha": "right", "rotation_mode": "anchor"}
            grow(figure, longest / CHARACTERS * math.sin(math.radians(_TURNED)))
        axis = axes.xaxis if which == "x" else axes.yaxis
        axis.set_ticks(range(len(texts)), texts, **look)
        width, height = figure.get_size_inches()
        room = width - 1.2 if which == "x" else height - 0.9
        axis.set_label_text(broken(self.name, int(room * CHARACTERS)))
