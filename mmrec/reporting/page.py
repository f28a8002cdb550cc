"""The report of a run as one page of HTML that loads nothing and runs no script."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from mmrec.files import encoded
from mmrec.installation import install_hint
from mmrec.reporting.plots.style import draw, is_available
from mmrec.reporting.plots.svg import to_uri
from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import Plot, sections_of
from mmrec.reporting.table import number
from mmrec.text import duration, moment

if TYPE_CHECKING:
    from jinja2 import Environment


def report_html(data: ReportData) -> str:
    """Return the report of a run.

    The same data always give the same page. Without matplotlib, it contains the data of its
    figures and how to install matplotlib.
    """
    manifest, records = data.manifest, [x for study in data.studies for x in study.records]
    return render_page(
        "report.html.j2",
        name=manifest["experiment"]["dataset"],
        manifest=manifest,
        split=data.split,
        winner=data.winner,
        lead=data.lead,
        unfinished=data.unfinished,
        n_models=len(data.studies if data.unfinished is None else data.finished),
        n_trials=len(records),
        n_failed=sum(record.status == "failed" for record in records),
        n_pruned=sum(record.status == "pruned" for record in records),
        took=duration(manifest["started"], manifest["ended"]),
        sections=sections_of(data),
    )


def render_page(template: str, **content: object) -> str:
    """Return a page of HTML.

    Args:
        template: a file of ``mmrec/reporting/templates``.
        content: what the template names.
    """
    figures = {"has_figures": is_available(), "install_hint": install_hint("report")}
    page = _environment().get_template(template).render(**content, **figures)
    return page if page.endswith("\n") else page + "\n"


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mmrec", "reporting/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = moment
    environment.filters["number"] = lambda value: number(value).text
    environment.filters["picture"] = _picture
    environment.filters["data_uri"] = _data_uri
    environment.filters["file_name"] = _file_name
    return environment


def _picture(plot: Plot) -> dict[str, object] | None:
    """Return the image of a figure: address, description, and width and height in pixels."""
    if not is_available():
        return None
    figure = draw(plot.draw)
    width, height = (round(inches * 96) for inches in figure.get_size_inches())
    return {
        "uri": to_uri(figure),
        "alt": str(figure.get_label()),
        "width": width,
        "height": height,
    }


def _data_uri(text: str, kind: str) -> str:
    """Return a text as the address of a file that is part of the page."""
    return f"data:{kind};charset=utf-8,{quote(encoded(text), safe=',.;:/@+*()=!')}"


def _file_name(caption: str) -> str:
    """Return a short file name without suffix."""
    words = re.sub(r"[^0-9A-Za-z@]+", "-", caption).strip("-").lower().split("-")
    return "-".join(words[:8]).replace("@", "") or "table"
