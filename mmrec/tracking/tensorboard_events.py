"""The tracker ``tensorboard``: scalars by epoch and hyper-parameters of each trial.

The events are not written by ``SummaryWriter``, which puts time, host and process into names and
contents. The files of a run are the same whenever and wherever they are written.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmrec.files import path_errors, write_atomically
from mmrec.installation import install_hint
from mmrec.runs.journal import StartedTrial
from mmrec.tracking.run import Point, StartedRun, TrackedTrial
from mmrec.tracking.tracker import LiveTracker, live_tracker

FILE = "events.out.tfevents.0.mmrec"
"""TensorBoard reads files with ``tfevents`` in their name."""


@live_tracker("tensorboard", package="tensorboard", install=install_hint("tracking"))
class TensorBoardTracker(LiveTracker):
    """Writes ``tracking/tensorboard/<trial>`` for each trial. Events are only ever appended."""

    def __init__(self, run: StartedRun, folder: Path) -> None:
        super().__init__(run, folder)
        self._target = folder / "tensorboard"
        shutil.rmtree(self._target, ignore_errors=True)

    def begin(self, trial: StartedTrial) -> None:
        """Write the hyper-parameters.

        Raises:
            WriteError: the file cannot be written.
        """
        from tensorboard.compat.proto.event_pb2 import Event

        first = Event(wall_time=self.run.started, file_version="brain.Event:2")
        session = Event(wall_time=self.run.started, summary=_session(trial, self.run.started))
        write_atomically(self._target / trial.name / FILE, _content([first, session]))

    def add(self, trial: StartedTrial, points: Sequence[Point]) -> None:
        """Append the values of epochs.

        Raises:
            DataError: the file cannot be written.
        """
        self._append(trial.name, [self._event(point.tag, point) for point in points])

    def end(self, trial: TrackedTrial) -> None:
        """Append the values of the best epoch.

        Raises:
            DataError: the file cannot be written.
        """
        from tensorboard.compat.proto.event_pb2 import Event

        summary = _hyper_parameters(trial, self.run.started)
        events = [Event(wall_time=self.run.started, summary=summary)]
        events += [self._event(f"best/{point.tag}", point) for point in trial.best]
        self._append(trial.record.name, events)

    def _event(self, tag: str, point: Point) -> Any:  # noqa: ANN401 - a protobuf message
        from tensorboard.compat.proto.event_pb2 import Event

        summary = _scalar(tag, point.value)
        return Event(wall_time=self.run.started, step=point.epoch, summary=summary)

    def _append(self, name: str, events: Sequence[Any]) -> None:
        path = self._target / name / FILE
        with path_errors(path, "cannot be written"), path.open("ab") as file:
            file.write(_content(events))


def _content(events: Sequence[Any]) -> bytes:
    from tensorboard.summary.writer.record_writer import RecordWriter

    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    for event in events:
        writer.write(event.SerializeToString(deterministic=True))
    return buffer.getvalue()


def _scalar(tag: str, value: float) -> Any:  # noqa: ANN401 - a protobuf message
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=tag, simple_value=value)])


def _session(trial: StartedTrial, started: float) -> Any:  # noqa: ANN401 - a protobuf message
    """Return the parameters of a trial for the tab HPARAMS."""
    from tensorboard.plugins.hparams import summary_v2 as hparams

    values = {name: _plain(value) for name, value in trial.parameters.items()}
    return _ordered(hparams.hparams_pb(values, trial_id=trial.name, start_time_secs=started))


def _hyper_parameters(trial: TrackedTrial, started: float) -> Any:  # noqa: ANN401 - protobuf
    """Return the names of the parameters and of the best values for the tab HPARAMS."""
    from tensorboard.plugins.hparams import summary_v2 as hparams

    metrics = [hparams.Metric(f"best/{p.tag}", display_name=p.tag) for p in trial.best]
    names = [hparams.HParam(name) for name in trial.record.parameters]
    return _ordered(hparams.hparams_config_pb(names, metrics, started))


def _plain(value: object) -> bool | float | str:
    return value if isinstance(value, bool | int | float | str) else json.dumps(value)


def _ordered(summary: Any) -> Any:  # noqa: ANN401 - a protobuf message
    """Return a summary with its parameters in one order; theirs varies."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    for part in summary.value:
        data = part.metadata.plugin_data
        parsed = HParamsPluginData.FromString(data.content)
        data.content = parsed.SerializeToString(deterministic=True)
    return summary
