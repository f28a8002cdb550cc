"""Figures of a run. They need matplotlib, which is imported when the first one is drawn."""

from mmrec.reporting.plots.coordinates import parallel_coordinates
from mmrec.reporting.plots.heatmap import search_heatmap, search_scatter
from mmrec.reporting.plots.learning import diagnostics, learning_curves
from mmrec.reporting.plots.models import per_user, popularity
from mmrec.reporting.plots.style import is_available, to_svg

__all__ = [
    "diagnostics",
    "is_available",
    "learning_curves",
    "parallel_coordinates",
    "per_user",
    "popularity",
    "search_heatmap",
    "search_scatter",
    "to_svg",
]
