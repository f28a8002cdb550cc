"""How the models were evaluated, and how to run the experiment again."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import Section, section
from mmrec.reporting.table import digest, make_table

_ENVIRONMENT = {
    "python": "Python",
    "cuda": "CUDA",
    "threads": "CPU threads",
    "cpu_capability": "CPU instructions",
    "propagation_backend": "graph propagation",
}


@section("protocol", order=90)
def protocol(data: ReportData) -> Iterator[Section]:
    """Make the facts of evaluation and selection."""
    experiment, evaluated = data.manifest["experiment"], data.manifest["protocol"]
    evaluation = experiment.get("evaluation", {})
    by_title = defaultdict(list)
    for study in data.studies:
        by_title[study.objective.title(data.split)].append(study.name)
    facts = {
        "Candidates": evaluated["candidates"],
        "Selected on": f"the {data.split} split: best epoch of a trial, best trial of a model",
        "Selected by": "; ".join(f"{x} ({', '.join(names)})" for x, names in by_title.items()),
        "Averaged over": evaluated["averaged_over"],
    }
    if "relevance_threshold" in evaluation:
        threshold = evaluation["relevance_threshold"]
        facts["Relevant"] = f"held-out interactions with a rating of at least {threshold:g}"
    if "top_k" in experiment:
        cutoffs = ", ".join(map(str, evaluation.get("cutoffs", ())))
        facts["Lists"] = f"{experiment['top_k']} items" + (f", cut at {cutoffs}" if cutoffs else "")
    yield Section("Protocol", "protocol", facts=facts)


@dataclass(frozen=True)
class Command:
    """What runs the experiment again."""

    text: str


@section("reproduction", order=110)
def reproduction(data: ReportData) -> Iterator[Section]:
    """Make the command, the environment and the digests."""
    environment: dict[str, Any] = data.manifest["environment"]
    written = data.manifest["written"]
    source = str(written["source"])
    command = "run_experiment(config)" if source.startswith("<") else f"mmrec run {source}"
    for option in written.get("options", ()):
        name, _, value = option.partition(" ")
        command += f" {name} {shlex.quote(value)}"
    digests = {"data set": data.manifest["data"]["fingerprint"], **data.manifest["tables_sha256"]}
    yield Section(
        "Run it again",
        "reproduction",
        facts={
            _ENVIRONMENT.get(key, key.replace("_", " ")): "none" if value is None else str(value)
            for key, value in environment.items()
            if key != "packages"
        },
        tables={
            "packages": make_table(
                "Versions of packages.",
                ["package", "version"],
                list(environment["packages"].items()),
                is_folded=True,
            ),
            "digests": make_table(
                "SHA-256 of the data and of the tables.",
                ["what", "digest"],
                [[name, digest(value)] for name, value in digests.items()],
            ),
        },
        template="reproduction.html.j2",
        content=Command(command),
    )
