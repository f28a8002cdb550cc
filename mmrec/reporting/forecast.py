"""A forecast as a table for the terminal, and as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from mmrec.search.estimate import PointEstimate
from mmrec.search.forecast import Forecast, ModelForecast
from mmrec.search.probe import Probe
from mmrec.text import ends, gibibytes, span, spoken

_PROBED = ("measured", "build", "first step", "a step", "an evaluation", "all trials")


def forecast_lines(forecast: Forecast) -> list[str]:
    """Return the data, the machine, a table of the models, and the warnings."""
    shape = forecast.shape
    widths = ", ".join(f"{loader} {width:,}" for loader, width in shape.widths.items())
    free = [f"{gibibytes(forecast.available_host)} of memory free"]
    if forecast.available_device is not None:
        free.append(f"{gibibytes(forecast.available_device)} on the GPU")
    side = "" if forecast.n_workers == 1 else f"; {forecast.n_workers} trials side by side"
    return [
        f"{forecast.dataset}: {shape.n_users:,} users, {shape.n_items:,} items, "
        f"{shape.n_train:,} training interactions; {widths or 'no features'}",
        f"on {forecast.device}, {', '.join(free)}{side}",
        "",
        *_aligned(_rows(forecast)),
        *(line for model in forecast.models if model.probes for line in _measured(model)),
        *(f"warning: {warning}" for warning in forecast.warnings),
    ]


def forecast_as_plain(forecast: Forecast) -> dict[str, Any]:
    """Return a forecast as plain data, bytes and seconds unrounded."""
    return {
        "dataset": forecast.dataset,
        "shape": asdict(forecast.shape) | {"widths": dict(forecast.shape.widths)},
        "device": forecast.device,
        "workers": forecast.n_workers,
        "available_host_bytes": forecast.available_host,
        "available_device_bytes": forecast.available_device,
        "models": [_model_as_plain(model) for model in forecast.models],
        "warnings": list(forecast.warnings),
    }


def _rows(forecast: Forecast) -> Iterator[list[str]]:
    on_gpu = forecast.available_device is not None
    is_probed = any(model.probes for model in forecast.models)
    yield [
        *("model", "trials", "memory"),
        *(["GPU memory"] if on_gpu else []),
        *("steps a trial", "evaluations a trial"),
        *(_PROBED if is_probed else []),
    ]
    for model in forecast.models:
        told = model.estimate
        memories = [p.memory for p in (told.smallest, told.largest) if p.memory is not None]
        yield [
            told.name,
            f"{told.n_trials:,}",
            span(gibibytes(m.host) for m in memories) or "?",
            *([span(gibibytes(m.device) for m in memories) or "?"] if on_gpu else []),
            span(f"{steps:,}" for steps in ends([p.steps for p in told.points])),
            span(f"{n:,}" for n in ends([p.evaluations for p in told.points])),
            *(_probed_cells(model) if is_probed else []),
        ]
    total = sum(model.seconds or 0.0 for model in forecast.models)
    yield [
        "in all",
        f"{sum(model.estimate.n_trials for model in forecast.models):,}",
        *([""] * (2 if on_gpu else 1)),
        f"{sum(model.estimate.steps for model in forecast.models):,}",
        f"{sum(model.estimate.evaluations for model in forecast.models):,}",
        *([*[""] * (len(_PROBED) - 1), spoken(total)] if is_probed else []),
    ]


def _probed_cells(model: ModelForecast) -> list[str]:
    found = model.probes
    if not found:
        return ["?"] * len(_PROBED)
    peaks = [p.host_bytes if p.device_bytes is None else p.device_bytes for p in found]
    known = ends([peak for peak in peaks if peak is not None] or [0])
    parts = ("build_s", "first_step_s", "step_s", "evaluation_s")
    return [
        span(gibibytes(peak or None) for peak in known),
        *(
            span(f"{x:.3f}" for x in ends([getattr(p, part) for p in found])) + " s"
            for part in parts
        ),
        spoken(model.seconds or 0.0),
    ]


def _measured(model: ModelForecast) -> Iterator[str]:
    """Yield which points the short runs were of, if not all cost the same."""
    costs = model.estimate.costs
    if len(costs.costs) == 1:
        return
    told = "; ".join(costs.told(probe.point.cost) for probe in model.probes)
    yield f"{model.estimate.name} was measured at: {told}"
    n_others = len(costs.costs) - len(model.probes)
    if n_others:
        are = "size is" if n_others == 1 else "sizes are"
        yield f"  its {n_others} other {are} taken as a mean of these, the nearer ones for more"


def _model_as_plain(model: ModelForecast) -> dict[str, Any]:
    told = model.estimate
    return {
        "name": told.name,
        "trials": told.n_trials,
        "steps": told.steps,
        "evaluations": told.evaluations,
        "smallest": _point_as_plain(told.smallest),
        "largest": _point_as_plain(told.largest),
        "probes": [_probe_as_plain(probe) for probe in model.probes],
        "seconds": model.seconds,
        "failures": list(model.failures),
    }


def _probe_as_plain(probe: Probe) -> dict[str, Any]:
    measured = {f.name: getattr(probe, f.name) for f in fields(probe) if f.name != "point"}
    return {"parameters": _parameters(probe.point)} | measured


def _point_as_plain(point: PointEstimate) -> dict[str, Any]:
    memory = point.memory
    return {
        "parameters": _parameters(point),
        "host_bytes": None if memory is None else memory.host,
        "device_bytes": None if memory is None else memory.device,
        "epochs": point.epochs,
        "steps": point.steps,
        "evaluations": point.evaluations,
    }


def _parameters(point: PointEstimate) -> dict[str, object]:
    return {name: _plain(value) for name, value in point.values.items()}


def _plain(value: object) -> object:
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _aligned(rows: Iterator[list[str]]) -> list[str]:
    """Return the rows with columns of one width, the first to the left and the others right."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
