"""The parts of a report, and the registries that the page and ``results`` loop over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from markupsafe import Markup

from mmrec.registry import Registry
from mmrec.reporting.plots.style import Drawing
from mmrec.reporting.report_data import ReportData
from mmrec.reporting.table import ReportTable


@dataclass(frozen=True)
class Plot:
    """A figure with its caption and its data."""

    caption: str
    data: ReportTable
    draw: Drawing


@dataclass(frozen=True)
class Section:
    """A section of the page. By default its parts follow each other in the order of the fields."""

    title: str
    anchor: str
    """The id of its heading; unique in the page."""
    intro: Sequence[str | Markup] = ()
    """Paragraphs. Markup is written as it is, other text is escaped."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Terms with their values."""
    tables: Mapping[str, ReportTable] = field(default_factory=dict)
    """By the name in ``results.tables``, which is unique in the page."""
    notes: Sequence[str | Markup] = ()
    """Paragraphs below the tables."""
    plots: Sequence[Plot] = ()
    warnings: Sequence[str] = ()
    """Shown at the top of the page, with a link to the section."""
    template: str = "section.html.j2"
    """A file of ``mmrec/reporting/templates`` that arranges the section."""
    content: object = None
    """What a template of its own shows besides the fields above."""


Make = Callable[[ReportData], Iterable[Section]]
"""Makes a section of a run; none if the run has nothing to show, or several."""
MakeDrawing = Callable[..., Drawing]
"""Takes the data of a run and the arguments of ``results.plot.NAME``.

Raises:
    DataError: the run cannot show it.
"""
_M = TypeVar("_M", bound=Make)
_D = TypeVar("_D", bound=MakeDrawing)


class SectionMaker(NamedTuple):
    """A registered section."""

    order: int
    make: Make


SECTIONS: Registry[SectionMaker] = Registry("section", package="mmrec.reporting.sections")
FIGURES: Registry[MakeDrawing] = Registry("figure", package="mmrec.reporting.sections")


def section(name: str, *, order: int) -> Callable[[_M], _M]:
    """Register a function that makes sections of the report.

    Args:
        name: unique among the sections.
        order: its place in the page; smaller ones come first.
    """

    def register(make: _M) -> _M:
        SECTIONS.add(name, SectionMaker(order, make), make)
        return make

    return register


def figure(make: _D) -> _D:
    """Register a function as ``results.plot.NAME``, where NAME is the name of the function."""
    FIGURES.add(make.__name__, make, make)
    return make


def sections_of(data: ReportData) -> list[Section]:
    """Return the sections of a run, in their order.

    Tables and figures of a run that has not finished say so in their captions.
    """
    makers = sorted(SECTIONS.items(), key=lambda item: (item[1].order, item[0]))
    dataset = data.manifest["experiment"]["dataset"]
    sections = [_named(made, dataset) for _, maker in makers for made in maker.make(data)]
    if data.unfinished is None:
        return sections
    label = f"Partial results after {data.unfinished.n_ended}. "
    return [_labelled(made, label) for made in sections]


def _named(made: Section, dataset: str) -> Section:
    """Give each table a label for LaTeX, which differs from those of other data sets."""
    tables = {k: replace(table, label=f"{dataset} {k}") for k, table in made.tables.items()}
    return replace(made, tables=tables)


def _labelled(made: Section, label: str) -> Section:
    tables = {
        name: replace(table, caption=label + table.caption) for name, table in made.tables.items()
    }
    plots = [
        replace(
            plot,
            caption=label + plot.caption,
            data=replace(plot.data, caption=label + plot.data.caption),
        )
        for plot in made.plots
    ]
    return replace(made, tables=tables, plots=plots)
