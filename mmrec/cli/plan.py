"""``mmrec plan``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrec.cli.arguments import Commands, add_changes, add_command, changed
from mmrec.text import gibibytes, span, spoken

if TYPE_CHECKING:
    from mmrec.config import Loaded
    from mmrec.execution.estimate import PlanEstimate
    from mmrec.planning.plan import Plan

EXAMPLES = """
mmrec plan config_files/demo.yml
mmrec plan config_files/demo.yml --probe
mmrec plan config_files/demo.yml --json
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    plan = add_command(
        commands, "plan", _plan, "what a run would do, and with --probe what it costs", EXAMPLES
    )
    plan.add_argument("config", metavar="CONFIG", help="the experiment file (YAML)")
    add_changes(plan)
    plan.add_argument(
        "--probe", action="store_true", help="also measure memory and time with short trials"
    )
    plan.add_argument(
        "--base-dir", type=Path, metavar="DIR", help="the folder that relative paths start from"
    )
    plan.add_argument("--json", action="store_true", help="print JSON instead of text")


def _plan(options: argparse.Namespace) -> int:
    """Report the trials, steps and evaluations of an experiment, and its data, without running it.

    The splits are read, and one vector of each loader; the warnings are those of a run. With a list
    of data sets, the plan for each is reported, as JSON in a list.

    --probe also runs short trials of each model in separate processes: of its smallest and its
    largest point, then of others for up to half a minute. It reports their peak memory and the
    time of the run if no trial stops early, and warns about what does not fit in memory.
    """
    from mmrec.config import documents_of
    from mmrec.experiments import check_all

    document, folder = changed(options.config, options)
    base_dir = folder if options.base_dir is None else options.base_dir
    checked = check_all(documents_of(document), base_dir)
    contents = [_report(loaded, plan, options) for loaded, plan in checked]
    if options.json:
        print(json.dumps(contents[0] if len(contents) == 1 else contents, indent=2))
    return 0


def _report(loaded: Loaded, plan: Plan, options: argparse.Namespace) -> dict[str, Any]:
    """Print the plan for one data set, unless it is to be JSON, and return it as plain data."""
    from mmrec.execution.estimate import PlanEstimate, estimate_model
    from mmrec.execution.resources import Resources
    from mmrec.planning.counts import count_trials
    from mmrec.planning.datasets import feature_widths, load_splits
    from mmrec.planning.notes import plan_notes
    from mmrec.planning.outline import Outline

    datasets = load_splits(plan)
    counts, widths = count_trials(plan, datasets), feature_widths(plan, datasets[0])
    resources = Resources.of(plan.experiment, datasets[0], widths)
    devices, workers, threads = resources.devices, resources.workers, resources.threads
    outline = Outline(plan, counts, datasets, widths, devices, workers, threads)
    warnings = [*resources.notes, *loaded.notes, *plan_notes(plan, datasets)]
    content = outline.as_plain()
    if not options.json:
        print("\n".join(outline.lines()), flush=True)
    if options.probe:
        estimates = [
            estimate_model(loaded, plan, number, count, datasets[0].n_users, threads)
            for number, count in enumerate(counts)
        ]
        estimate = PlanEstimate(estimates, devices, workers)
        content["probe"] = _as_plain(estimate)
        warnings += estimate.warnings()
        if not options.json:
            print("\n".join(_lines(estimate)))
    warnings = list(dict.fromkeys(warnings))
    if not options.json:
        print("".join(f"warning: {warning}\n" for warning in warnings), end="")
    return content | {"warnings": warnings}


def _lines(estimate: PlanEstimate) -> Iterator[str]:
    """Yield a table of what was measured, and the time of the run."""
    on_gpu = any(model.device_bytes is not None for model in estimate.models)
    rows = [["probe", "sizes measured", "memory", *(["GPU memory"] if on_gpu else []), "trials"]]
    for model in estimate.models:
        host = [probe.host_bytes for probe in reversed(model.probes)]
        device = [probe.device_bytes for probe in reversed(model.probes)]
        rows.append(
            [
                f"  {model.name}",
                f"{model.n_measured} of {model.n_sizes}",
                span(map(gibibytes, host)) or "?",
                *([span(map(gibibytes, device)) or "?"] if on_gpu else []),
                "?" if model.seconds is None else f"about {spoken(model.seconds)}",
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)).rstrip()
    seconds = estimate.seconds
    yield "time of the run: " + ("unknown" if seconds is None else f"about {spoken(seconds)}")


def _as_plain(estimate: PlanEstimate) -> dict[str, Any]:
    return {
        "seconds": estimate.seconds,
        "models": [
            {
                "name": model.name,
                "sizes": model.n_sizes,
                "measured": model.n_measured,
                "smallest": _parameters(model.smallest),
                "largest": _parameters(model.largest),
                "host_bytes": model.host_bytes,
                "device_bytes": model.device_bytes,
                "seconds": model.seconds,
                "failures": {name: asdict(failure) for name, failure in model.failures.items()},
            }
            for model in estimate.models
        ],
    }


def _parameters(point: Mapping[str, object]) -> dict[str, object]:
    plain = bool | int | float | str | None
    return {name: x if isinstance(x, plain) else str(x) for name, x in point.items()}
