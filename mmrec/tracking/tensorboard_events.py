"""``tracking/tensorboard/<trial>``: scalars by epoch, and hyper-parameters, for TensorBoard.

The events are built here and not by ``SummaryWriter``, which puts the clock, the host and the
process into names and contents: a run's files are the same whenever and wherever they are written.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmrec.files import write_atomically
from mmrec.tracking.run import TrackedRun, TrackedTrial

FILE = "events.out.tfevents.0.mmrec"
"""TensorBoard reads every file with ``tfevents`` in its name."""


def write(run: TrackedRun, folder: Path) -> None:
    """Write a folder of events for every trial, in place of those of an earlier attempt.

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


def _scalar(tag: str, value: float) -> Any:  # noqa: ANN401 - a message of protobuf's
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=tag, simple_value=value)])


def _hyper_parameters(trial: TrackedTrial, started: float) -> Iterator[Any]:
    """Yield what TensorBoard's page HPARAMS shows: the parameters and the best figures."""
    from tensorboard.plugins.hparams import summary_v2 as hparams
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    def shown(value: object) -> bool | float | str:
        return value if isinstance(value, bool | int | float | str) else json.dumps(value)

    values = {name: shown(value) for name, value in trial.record.parameters.items()}
    figures = [hparams.Metric(f"best/{p.tag}", display_name=p.tag) for p in trial.best]
    experiment = hparams.hparams_config_pb(
        [hparams.HParam(name) for name in values], figures, started
    )
    session = hparams.hparams_pb(values, trial_id=trial.record.name, start_time_secs=started)
    for summary in (experiment, session):
        for part in summary.value:  # as they come, the order of the parameters is another each time
            data = part.metadata.plugin_data
            parsed = HParamsPluginData.FromString(data.content)
            data.content = parsed.SerializeToString(deterministic=True)
        yield summary
