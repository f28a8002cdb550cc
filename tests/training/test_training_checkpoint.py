"""Stopped anywhere and continued, a training comes to the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers import no_file_above, write_text
from scripted import CPU, DATA, Epoch, Scripted, protocol, run

from mmrec.data import Dataset
from mmrec.errors import DataError
from mmrec.evaluation import Evaluator
from mmrec.interruption import Interrupted
from mmrec.models import Model, ModelConfig
from mmrec.models.lattice import LATTICE
from mmrec.testing.models import ModelTests
from mmrec.training.checkpoint import Checkpoint
from mmrec.training.determinism import deterministic
from mmrec.training.early_stopping import EarlyStopping
from mmrec.training.objective import Objective
from mmrec.training.protocol import EpochRecord, EvaluationProtocol
from mmrec.training.trainer import Outcome, Trainer


class Kit(ModelTests):
    """LATTICE with dropout: 3 epochs of 5 steps, an item graph that lasts an epoch."""

    model = LATTICE

    def configured(self, **changes: object) -> ModelConfig:
        ngcf = {"cf": "ngcf", "n_ui_layers": 2, "ws": (4, 4), "dl": (0.3, 0.3)}
        settings = {"factors": 4, "factors_multimod": 3, "top_k": 4, "batch_size": 10}
        return super().configured(**(ngcf | settings | changes))


N_STEPS = 15


def judged(data: Dataset) -> EvaluationProtocol:
    assert data.validation is not None
    validation, test = (
        Evaluator(data.train, split, ["Recall"], [5]) for split in (data.validation, data.test)
    )
    objective = Objective.of("Recall@5")
    return protocol(
        train=data.train, validation=validation, test=test, top_k=5, objective=objective
    )


def train(
    checkpoint: Checkpoint | None = None,
    *,
    stop_after: int | None = None,
    settings: dict[str, object] | None = None,
) -> tuple[Outcome, list[int]]:
    """Train in a model and a trainer of its own; return the outcome and the epochs reported of."""
    kit = Kit()
    config, data = kit.configured(**(settings or {})), kit.dataset()
    reported: list[int] = []

    def on_epoch(epoch: int, loss: float, record: EpochRecord | None) -> None:
        reported.append(epoch)

    with deterministic(CPU):
        trainer = Trainer(kit.built(config), config, data, judged(data), CPU, checkpoint)
        return trainer.run(on_epoch, stop=countdown(stop_after)), reported


def countdown(steps: int | None) -> Callable[[], bool]:
    """Return a function that says yes when it is asked for the ``steps``-th time."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked == steps

    return stop


def assert_same(one: Outcome, other: Outcome) -> None:
    assert one.losses == other.losses
    assert one.history == other.history
    assert one.best.record == other.best.record
    assert one.best_state is not None
    assert other.best_state is not None
    for name, tensor in one.best_state.items():
        assert torch.equal(tensor, other.best_state[name]), name
    assert (one.best.ranking.items == other.best.ranking.items).all()
    assert (one.best.ranking.scores == other.best.ranking.scores).all()
    for label, values in one.test_per_user.items():
        assert values.tolist() == other.test_per_user[label].tolist()


@pytest.fixture(scope="module")
def uninterrupted() -> Outcome:
    outcome, reported = train()
    assert reported == [1, 2, 3]
    # 3 epochs of 5 batches: 48 training interactions by 10.
    assert train(stop_after=N_STEPS + 1)[1] == [1, 2, 3]
    return outcome


@pytest.mark.parametrize("step", range(1, N_STEPS + 1))
def test_stopped_at_any_step(step: int, uninterrupted: Outcome, tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "deep" / "trial.ckpt")
    with pytest.raises(Interrupted):
        train(checkpoint, stop_after=step)
    torch.manual_seed(step)  # the process goes on with something else
    outcome, reported = train(checkpoint)
    assert_same(outcome, uninterrupted)
    assert reported == list(range((step - 1) // 5 + 1, 4))


def test_stopped_again_and_again(uninterrupted: Outcome, tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "trial.ckpt")
    for _ in range(N_STEPS):
        with pytest.raises(Interrupted):
            train(checkpoint, stop_after=1)
    assert_same(train(checkpoint, stop_after=1)[0], uninterrupted)


def test_killed_between_two_checkpoints(uninterrupted: Outcome, tmp_path: Path) -> None:
    # What was done after the last checkpoint is done again.
    checkpoint = Checkpoint(tmp_path / "trial.ckpt")

    class Killed(BaseException):
        pass

    left = iter(range(7))

    def kill() -> bool:
        if next(left, None) is None:
            raise Killed
        return False

    kit = Kit()
    config, data = kit.configured(), kit.dataset()
    with pytest.raises(Killed), deterministic(CPU):
        Trainer(kit.built(config), config, data, judged(data), CPU, checkpoint).run(stop=kill)
    outcome, reported = train(checkpoint)
    assert_same(outcome, uninterrupted)
    assert reported == [2, 3]


@pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter")
def test_resuming_a_step_on_a_device_that_is_not_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On ``meta`` a tensor of the CPU is refused, and a tensor of its own has no values to keep.
    adam = torch.optim.Adam
    monkeypatch.setattr(torch.optim, "Adam", lambda p, lr, fused: adam(p, lr))  # meta lacks fused
    checkpoint = Checkpoint(tmp_path / "trial.ckpt")
    with pytest.raises(Interrupted):
        train(checkpoint, stop_after=7)
    content = checkpoint.load()
    assert content is not None
    checkpoint.save(content | {"device": "meta"})  # a checkpoint of another device is not used

    class SteppedError(Exception):
        pass

    def stepped() -> bool:
        raise SteppedError

    kit, meta = Kit(), torch.device("meta")
    config, data = kit.configured(), kit.dataset()
    trainer = Trainer(kit.built(config), config, data, judged(data), meta, checkpoint)
    with pytest.raises(SteppedError):
        trainer.run(stop=stepped)
    best = trainer.state.best
    assert best is not None
    assert best.record.epoch == 1
    assert (best.ranking.items[:, 0] >= 0).all()
    assert {tensor.device for tensor in trainer.state.best_state.values()} == {CPU}


def test_a_finished_training_is_not_repeated(uninterrupted: Outcome, tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "trial.ckpt")
    assert train(checkpoint)[1] == [1, 2, 3]
    outcome, reported = train(checkpoint)
    assert_same(outcome, uninterrupted)
    assert reported == []


def test_a_training_that_had_stopped_early_stays_stopped(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "trial.ckpt")
    script = [Epoch((float(n),), validation=1) for n in range(5)]
    stopping = {"early_stopping": EarlyStopping(1, Objective.of("loss"))}
    config = ModelConfig(epochs=5, batch_size=2)
    first, _ = run(script, **stopping)
    assert first.losses == [0, 1]

    class Follows(Scripted):
        pass

    Follows.script = script
    for expected in ([1, 2], []):
        reported: list[int] = []
        with deterministic(CPU):
            model: Model = Follows(config, DATA)
            trainer = Trainer(model, config, DATA, protocol(**stopping), CPU, checkpoint)
            outcome = trainer.run(lambda epoch, *_, reported=reported: reported.append(epoch))
        assert outcome.losses == [0, 1]
        assert reported == expected


@pytest.mark.parametrize(
    ("rate", "due"),
    [(None, [2, 4, 6]), (1, [1, 2, 3, 4, 5, 6]), (3, [3, 6]), (7, [])],
)
def test_when_a_checkpoint_is_due(rate: int | None, due: list[int]) -> None:
    checkpoint = Checkpoint(Path("unused"), rate)
    epochs = range(1, 7)
    assert [e for e in epochs if checkpoint.is_due(e, evaluated=e % 2 == 0)] == due


def test_half_a_minute_lies_between_checkpoints(tmp_path: Path) -> None:
    seconds, saved = 0.0, []
    checkpoint = Checkpoint(tmp_path / "trial.ckpt", now=lambda: seconds)
    for epoch, seconds in enumerate((29.0, 30.0, 59.0, 61.0, 90.0), start=1):
        if checkpoint.is_due(epoch, evaluated=True):
            checkpoint.save({})
            saved.append(seconds)
    assert saved == [30, 61]


def test_without_a_place_nothing_is_saved(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(stop_after=3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: b"no checkpoint at all",
        lambda content: bytes(reversed(content)),
    ],
    ids=["empty", "half", "text", "reversed"],
)
def test_a_damaged_file_is_ignored(
    damage: Callable[[bytes], bytes], uninterrupted: Outcome, tmp_path: Path
) -> None:
    checkpoint = Checkpoint(tmp_path / "trial.ckpt")
    with pytest.raises(Interrupted):
        train(checkpoint, stop_after=7)
    write_text(checkpoint.path, damage(checkpoint.path.read_bytes()))
    outcome, reported = train(checkpoint)
    assert_same(outcome, uninterrupted)
    assert reported == [1, 2, 3]


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "trial.ckpt")
    checkpoint.save({"x": torch.full((100,), 1.5)})
    content = bytearray(checkpoint.path.read_bytes())
    content[content.index(torch.full((100,), 1.5).numpy().tobytes())] ^= 1
    checkpoint.path.write_bytes(content)
    assert checkpoint.load() is None


def test_another_format_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = Checkpoint(tmp_path / "trial.ckpt")
    checkpoint.save({"x": torch.ones(2)})
    content = checkpoint.load()
    assert content is not None
    assert content["x"].tolist() == [1, 1]
    monkeypatch.setattr("mmrec.training.checkpoint.FORMAT", content["format"] + 1)
    assert checkpoint.load() is None
    assert [path.name for path in tmp_path.iterdir()] == ["trial.ckpt"]  # it is not damaged


def test_the_state_of_another_trial_is_set_aside(tmp_path: Path) -> None:
    own, other = (Checkpoint(tmp_path / "trial.ckpt", owner=name) for name in ("own", "other"))
    other.save({"x": 1})
    assert own.load() is None
    assert [path.name for path in tmp_path.iterdir()] == ["trial.ckpt.damaged"]


@pytest.mark.parametrize("other", [{"format": 999}, {}, [1, 2]])
def test_a_file_of_torch_without_a_digest_is_ignored(tmp_path: Path, other: object) -> None:
    checkpoint = Checkpoint(tmp_path / "trial.ckpt")
    torch.save(other, checkpoint.path)
    assert checkpoint.load() is None


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    marker = tmp_path / "exploded"

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (marker,)

    checkpoint = Checkpoint(tmp_path / "trial.ckpt")
    torch.save({"format": 1, "x": Bomb()}, checkpoint.path)
    assert checkpoint.load() is None
    assert not marker.exists()


def test_a_checkpoint_is_replaced_and_removed(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "trial.ckpt")
    assert checkpoint.load() is None
    checkpoint.remove()  # there is none: nothing happens
    for value in (1, 2):
        checkpoint.save({"x": value})
    content = checkpoint.load()
    assert content is not None
    assert content["x"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["trial.ckpt"]
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("n_values", [300, 100_000, 1_000_000])
def test_a_full_disk_leaves_the_earlier_checkpoint_and_nothing_else(
    n_values: int, tmp_path: Path
) -> None:
    place = Checkpoint(tmp_path / "trial.pt", rate=1)
    place.save({"epoch": 1})
    before = place.path.read_bytes()
    content = {"epoch": 2, "weights": torch.zeros(n_values), "small": [torch.zeros(9)] * 3}
    with no_file_above(n_bytes=4 * n_values // 5), pytest.raises(DataError, match="cannot be wri"):
        place.save(content)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == {place.path: before}
