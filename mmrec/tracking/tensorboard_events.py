"""The tracker ``tensorboard``: scalars by epoch and hyper-parameters of each trial.

The events are not written by ``SummaryWriter``, which puts time, host and process into names and
contents. The files of a run are the same whenever and wherever they are written.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmrec.files import write_atomically
from mmrec.text import install_hint
from mmrec.tracking.run import TrackedRun, TrackedTrial
from mmrec.tracking.tracker import tracker

FILE = "events.out.tfevents.0.mmrec"
"""TensorBoard reads files with ``tfevents`` in their name."""


@tracker("tensorboard", package="tensorboard", install=install_hint("tracking"))
def write(run: TrackedRun, folder: Path) -> None:
    """Write ``tracking/tensorboard/<trial>`` for each trial, replacing earlier ones.

    Raises:
        DataError: a file cannot be written.
    """
    from tensorboard.summary.writer.record_writer import RecordWriter

    target = folder / "tensorboard"
    shutil.rmtree(target, ignore_errors=True)
    for trial in run.trials:
        buffer = io.BytesIO()
        writer = RecordWriter(buffer)
        for event in _events(trial, run.started):
            writer.write(event.SerializeToString(deterministic=True))
        write_atomically(target / trial.record.name / FILE, buffer.getvalue())


def _events(trial: TrackedTrial, started: float) -> Iterator[Any]:
    from tensorboard.compat.proto.event_pb2 import Event

    yield Event(wall_time=started, file_version="brain.Event:2")
    for summary in _hyper_parameters(trial, started):
        yield Event(wall_time=started, summary=summary)
    values = [(point.tag, point) for point in trial.curves]
    values += [(f"best/{point.tag}", point) for point in trial.best]
    for tag, point in values:
        yield Event(wall_time=started, step=point.epoch, summary=_scalar(tag, point.value))


def _scalar(tag: str, value: float) -> Any:  # noqa: ANN401 - a protobuf message
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=tag, simple_value=value)])


def _hyper_parameters(trial: TrackedTrial, started: float) -> Iterator[Any]:
    """Yield the parameters and the best values for the tab HPARAMS."""
    from tensorboard.plugins.hparams import summary_v2 as hparams
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    def plain(value: object) -> bool | float | str:
        return value if isinstance(value, bool | int | float | str) else json.dumps(value)

    values = {name: plain(value) for name, value in trial.record.parameters.items()}
    metrics = [hparams.Metric(f"best/{p.tag}", display_name=p.tag) for p in trial.best]
    experiment = hparams.hparams_config_pb(
        [hparams.HParam(name) for name in values], metrics, started
    )
    session = hparams.hparams_pb(values, trial_id=trial.record.name, start_time_secs=started)
    for summary in (experiment, session):
        for part in summary.value:  # their order of parameters varies
            data = part.metadata.plugin_data
            parsed = HParamsPluginData.FromString(data.content)
            data.content = parsed.SerializeToString(deterministic=True)
        yield summary
