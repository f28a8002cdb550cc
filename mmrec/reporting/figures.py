"""The figures of a run for a notebook or a paper: ``results.plot``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrec.errors import DataError, listing, nearest
from mmrec.installation import install_hint
from mmrec.reporting.plots.style import draw
from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import FIGURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Figures:
    """Draws the figures of a run with pyplot, so that a notebook shows them.

    Each figure of the report's sections is a method that returns its axes, one or a tuple:
    ``learning_curves``, ``all_learning_curves``, ``accuracy_over``, ``search_heatmap``,
    ``search_scatter``, ``importance``, ``per_user``, ``popularity``, ``modality_weights``,
    ``diagnostics``. The folder of the run is read at the first call.

    Args:
        folder: of a finished run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __dir__(self) -> list[str]:
        return sorted(FIGURES)

    def __getattr__(self, name: str) -> Callable[..., Axes | tuple[Axes, ...]]:
        if name.startswith("_") or name not in FIGURES:
            known = f"{nearest(name, FIGURES)}; known: {listing(FIGURES)}"
            raise AttributeError(f"no figure {name!r}{known}")
        make = FIGURES[name]

        @functools.wraps(make)
        def method(*args: Any, **options: Any) -> Axes | tuple[Axes, ...]:  # noqa: ANN401
            try:
                drawing = make(self._data, *args, **options)
            except DataError as error:
                raise DataError(f"{self._folder}: {error}") from error
            try:
                from matplotlib import pyplot
            except ImportError as error:
                raise DataError(f"figures need matplotlib: {install_hint('report')}") from error
            axes = draw(drawing, pyplot.figure()).axes
            return axes[0] if len(axes) == 1 else tuple(axes)

        signature = inspect.signature(functools.partial(make, None))
        method.__signature__ = signature  # type: ignore[attr-defined]
        return method

    @cached_property
    def _data(self) -> ReportData:
        return ReportData.read(self._folder)
