"""The report of a run: one page that needs nothing else, neither network nor scripts."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from mmrec.reporting import data_tables, facts, model_tables, plots, table
from mmrec.reporting.csv_files import best_table
from mmrec.reporting.examples.section import recommendation_section
from mmrec.reporting.sections import Drawer, model_section, popularity_section, user_section
from mmrec.runs.study import Study
from mmrec.runs.winner import find_winner
from mmrec.text import duration, install_hint, moment


def report_html(
    manifest: Mapping[str, Any],
    studies: Sequence[Study],
    compared: pd.DataFrame,
    shown: Mapping[str, Any] | None = None,
) -> str:
    """Return the report of a run as a page of HTML.

    The same arguments always give the same page. Without matplotlib it has the data of its
    figures, and says how to get the figures.

    Args:
        manifest: what :func:`~mmrec.reporting.make_manifest` returns.
        studies: the trials of every model.
        compared: what :func:`~mmrec.reporting.significance_table` returns.
        shown: the users whose recommendations are shown, see
            :mod:`mmrec.reporting.examples.collect`.
    """
    split = manifest["protocol"]["selected_on"]
    winner = find_winner(studies, split)
    best = best_table(studies)
    drawer = Drawer()
    cutoffs = manifest["experiment"].get("evaluation", {}).get("cutoffs", ())
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            name=manifest["experiment"]["dataset"],
            manifest=manifest,
            split=split,
            winner=winner,
            n_trials=sum(len(study.records) for study in studies),
            n_failed=sum(r.status == "failed" for study in studies for r in study.records),
            n_pruned=sum(r.status == "pruned" for study in studies for r in study.records),
            took=duration(manifest["started"], manifest["ended"]),
            best=model_tables.best_models(best, studies, compared, split),
            over_seeds=model_tables.over_seeds(best),
            significance=list(model_tables.p_values(compared, studies).values()),
            users=user_section(studies, winner.label if winner else "", drawer),
            popularity=popularity_section(studies, cutoffs, drawer),
            costs=model_tables.costs(studies),
            models=[
                model_section(study, split, f"model-{n}", drawer)
                for n, study in enumerate(studies, 1)
            ],
            shown=recommendation_section(shown, studies),
            has_plots=plots.is_available(),
            install_hint=install_hint("report"),
            protocol=facts.protocol(manifest, studies),
            data=facts.data(manifest["data"]),
            prefiltering=data_tables.prefiltering(manifest["data"]),
            folds=data_tables.folds(manifest["data"]),
            splits=data_tables.splits(manifest["data"]),
            environment=facts.environment(manifest["environment"]),
            packages=_packages(manifest),
            digests=_digests(manifest),
            command=facts.command(manifest["written"]),
        )
    )
    return page if page.endswith("\n") else page + "\n"


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mmrec", "reporting/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = moment
    environment.filters["cell"] = table.cell
    environment.filters["data_uri"] = _data_uri
    environment.filters["file_name"] = _file_name
    return environment


def _packages(manifest: Mapping[str, Any]) -> table.Table:
    rows = list(manifest["environment"]["packages"].items())
    return table.table("Versions.", ["package", "version"], rows)


def _digests(manifest: Mapping[str, Any]) -> table.Table:
    named = [("data set", manifest["data"]["fingerprint"]), *manifest["tables_sha256"].items()]
    return table.table(
        "SHA-256 of the data and of the tables that were written.",
        ["what", "digest"],
        [[name, table.digest(value)] for name, value in named],
    )


def _data_uri(text: str, kind: str) -> str:
    """Return a text as the address of a file that is part of the page."""
    return f"data:{kind};charset=utf-8,{quote(text, safe=',.;:/@+*()=!')}"


def _file_name(caption: str) -> str:
    """Return a short name of a file without an ending."""
    words = re.sub(r"[^0-9A-Za-z@]+", "-", caption).strip("-").lower().split("-")
    return "-".join(words[:8]).replace("@", "") or "table"
