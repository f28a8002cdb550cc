"""The packed store: what it reads again, what makes it stale, and what can go wrong with it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from helpers import assert_contains, refusal, write_text, write_vectors

from mmrec.data import Features
from mmrec.errors import DataError
from mmrec.features import VisualAttribute, load_features, store
from mmrec.features.folder import Listing, VectorReader
from mmrec.features.source import Numbers

IDS = [str(number) for number in range(0, 120, 3)]


SPOILED: set[Path] = set()
"""Files that cannot be read any more."""


@pytest.fixture(autouse=True)
def _pack_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pack folders however small, and let files be spoiled."""
    read = VectorReader.read

    def read_unless_spoiled(self: VectorReader, path: Path) -> Numbers:
        if path in SPOILED:
            raise DataError(f"{path}: is spoiled")
        return read(self, path)

    SPOILED.clear()
    monkeypatch.setattr(VectorReader, "read", read_unless_spoiled)
    monkeypatch.setattr("mmrec.features.folder.MIN_PACKED", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    vectors = {item: rng.normal(size=7).astype(np.float32) for item in IDS}
    return write_vectors(tmp_path / "features", vectors)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "mmrec"


def load(folder: Path, cache: Path | None, ids: Sequence[str] = IDS) -> Features:
    return load_features([VisualAttribute(folder, cache_dir=cache)], ids)["VisualAttribute"]


def stacked(folder: Path, ids: Sequence[str] = IDS) -> np.ndarray:
    return np.stack([np.load(folder / f"{item}.npy") for item in ids])


def spoil(folder: Path, ids: Sequence[str] = IDS) -> None:
    """Refuse to read these files from now on, while their folder is as it was."""
    SPOILED.update(folder / f"{item}.npy" for item in ids)


def files(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir())


def test_the_second_load_opens_no_file(folder: Path, cache: Path) -> None:
    expected = stacked(folder)
    np.testing.assert_array_equal(load(folder, cache), expected)
    spoil(folder)
    again = load(folder, cache)
    np.testing.assert_array_equal(again, expected)
    assert not again.flags.writeable
    # The proof that the files are of no use any more.
    assert "is spoiled" in refusal(DataError, load, folder, None)


def test_rows_that_follow_each_other_are_mapped_and_others_gathered(
    folder: Path, cache: Path
) -> None:
    expected = stacked(folder)
    load(folder, cache)
    spoil(folder)
    loader = VisualAttribute(folder, cache_dir=cache)
    for wanted, mapped in (
        (slice(None), True),
        (slice(5, 9), True),
        (slice(None, None, -1), False),
        (slice(None, None, 2), False),
    ):
        found = loader.read(IDS[wanted])
        np.testing.assert_array_equal(found, expected[wanted])
        assert found.flags.owndata != mapped
    np.testing.assert_array_equal(loader.read(["9", "9", "0"]), expected[[3, 3, 0]])


def test_asking_for_more_extends_the_pack(folder: Path, cache: Path) -> None:
    expected = stacked(folder)
    load(folder, cache, IDS[10:20])
    spoil(folder, IDS[10:20])
    np.testing.assert_array_equal(load(folder, cache), expected)
    spoil(folder)
    np.testing.assert_array_equal(load(folder, cache), expected)
    assert len(files(cache)) == 2  # the smaller pack is gone


def test_asking_for_others_keeps_what_is_packed(folder: Path, cache: Path) -> None:
    expected = stacked(folder)
    load(folder, cache, IDS[:10])
    load(folder, cache, IDS[30:])
    spoil(folder)
    np.testing.assert_array_equal(load(folder, cache, IDS[:10]), expected[:10])
    np.testing.assert_array_equal(load(folder, cache, IDS[30:]), expected[30:])


def test_the_key_does_not_depend_on_the_order_of_the_directory(tmp_path: Path) -> None:
    states = ["b.npy\0 8 1", "a.npy\0 8 2"]
    keys = {Listing(tmp_path, set(), each).key for each in (states, states[::-1])}
    assert len(keys) == 1
    assert Listing(tmp_path / "other", set(), states).key not in keys


@pytest.mark.parametrize("packed", [True, False])
def test_files_that_begin_alike_and_end_otherwise(packed: bool, folder: Path, cache: Path) -> None:
    path = folder / "60.npy"
    whole = path.read_bytes()
    cache_dir = cache if packed else None
    for n_bytes in (1, 4, 28):
        write_text(path, whole[:-n_bytes])
        assert f"{path}: cannot be read as a vector" in refusal(DataError, load, folder, cache_dir)
    write_text(path, whole + b"more")  # numpy reads over it, too
    np.testing.assert_array_equal(load(folder, cache_dir), stacked(folder))


def change_content(folder: Path) -> None:
    """Another content of the same size, some time later."""
    path = folder / "6.npy"
    status = path.stat()
    np.save(path, np.arange(7, dtype=np.float32))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def change_size(folder: Path) -> None:
    """Another size, by a tool that restores times."""
    path = folder / "6.npy"
    status = path.stat()
    np.save(path, np.arange(7, dtype=np.float64))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def change_in_secret(folder: Path) -> None:
    """Another content of the same size, by a tool that restores times."""
    path = folder / "6.npy"
    status = path.stat()
    np.save(path, np.arange(7, dtype=np.float32))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def exchange(folder: Path) -> None:
    """Two files exchange their names, and keep their times."""
    for path, tick in ((folder / "6.npy", 1), (folder / "9.npy", 2)):
        os.utime(path, ns=(tick, tick))
    load(folder, folder.parent / "cache" / "mmrec")
    (folder / "6.npy").rename(folder / "x")
    (folder / "9.npy").rename(folder / "6.npy")
    (folder / "x").rename(folder / "9.npy")


def add(folder: Path) -> None:
    np.save(folder / "unknown.npy", np.ones(3))


def remove(folder: Path) -> None:
    (folder / "117.npy").unlink()


@pytest.mark.parametrize(
    "change", [change_content, change_size, change_in_secret, exchange, add, remove]
)
def test_every_change_of_the_folder_is_noticed(
    change: Callable[[Path], None], folder: Path, cache: Path
) -> None:
    wanted = IDS[:-1]  # without 117
    before = load(folder, cache, wanted)
    change(folder)
    expected = stacked(folder, wanted)
    assert np.array_equal(before, expected) == (change in (add, remove))
    np.testing.assert_array_equal(load(folder, cache, wanted), expected)
    spoil(folder, wanted)  # packed anew, so not read again
    np.testing.assert_array_equal(load(folder, cache, wanted), expected)
    assert len(files(cache)) == 2


def test_the_same_files_in_another_place_have_a_pack_of_their_own(
    folder: Path, cache: Path, tmp_path: Path
) -> None:
    load(folder, cache)
    other = folder.rename(tmp_path / "other")
    write_vectors(folder, {item: np.zeros(7) for item in IDS})
    np.testing.assert_array_equal(load(other, cache), stacked(other))
    assert not load(folder, cache).any()
    assert len(files(cache)) == 4
    link = tmp_path / "link"
    link.symlink_to(other)
    load(link, cache)
    assert len(files(cache)) == 4  # the same folder by another name


def test_packs_of_another_version_are_made_anew(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(folder, cache)
    before = files(cache)
    monkeypatch.setattr(store, "PACK_FORMAT", store.PACK_FORMAT + 1)
    np.testing.assert_array_equal(load(folder, cache), stacked(folder))
    assert len(files(cache)) == 2
    assert files(cache) != before


def test_vectors_are_packed_as_float32(tmp_path: Path, cache: Path) -> None:
    vectors = {"a": np.array([1, 2]), "b": np.array([0.1, 1e-50]), "c": np.array([3, 4], ">f2")}
    folder = write_vectors(tmp_path / "mixed", vectors)
    for _ in range(2):
        found = load(folder, cache, ["c", "a", "b"])
        assert found.tolist() == [[3, 4], [1, 2], [np.float32(0.1), 0]]


def test_damaged_files_of_other_items_do_no_harm(folder: Path, cache: Path) -> None:
    write_text(folder / "garbage.npy", "this is no array")
    np.save(folder / "longer.npy", np.ones(9))
    np.testing.assert_array_equal(load(folder, cache), stacked(folder))
    for bad in ("garbage", "longer"):
        assert f"{bad}.npy" in refusal(DataError, load, folder, cache, [*IDS, bad])
    spoil(folder)  # the pack of the good ones is still there
    load(folder, cache)
    # The one that no other fits is packed alone, at the cost of the others.
    assert load(folder, cache, ["longer"]).tolist() == [[1] * 9]


@pytest.mark.parametrize(
    ("item", "vector", "facts"),
    [
        ("6", np.ones(8), ["6.npy", "vectors", "lengths"]),
        ("0", np.ones(8), ["0.npy", "vectors", "lengths"]),
        ("6", np.ones((7, 1)), ["6.npy:", "vector", "shape"]),
        ("6", np.full(7, np.nan), ["NaN", "vectors", "items"]),
        ("6", np.full(7, 1e300), ["NaN", "float32", "vectors", "items"]),
        ("6", np.array([None]), ["6.npy:", "vector", "pickled", "object"]),
    ],
)
def test_a_refused_folder_is_refused_again(
    item: str, vector: np.ndarray, facts: list[str], folder: Path, cache: Path
) -> None:
    np.save(folder / f"{item}.npy", vector, allow_pickle=True)
    plain = refusal(DataError, load, folder, None)
    assert_contains(plain, facts)
    for _ in range(2):
        assert refusal(DataError, load, folder, cache) == plain
        assert files(cache) == []
    np.save(folder / f"{item}.npy", np.ones(7))
    np.testing.assert_array_equal(load(folder, cache), stacked(folder))


def parts(cache: Path) -> tuple[Path, Path]:
    (index,), (matrix,) = cache.glob("*.index"), cache.glob("*.npy")
    return index, matrix


def cut(path: Path, n_bytes: int) -> None:
    path.write_bytes(path.read_bytes()[:n_bytes])


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def exchange_ids(index: Path) -> None:
    """The rows change places, and the checksum is not right."""
    _, text = index.read_text().split("\n", 1)
    content = json.loads(text)
    content["ids"] = content["ids"][::-1]
    index.write_text(f"{'0' * 64}\n{json.dumps(content)}")


def replace_matrix(matrix: Path) -> None:
    np.save(matrix, np.zeros((len(IDS), 7)))


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "index empty": lambda index, _: cut(index, 0),
    "index cut": lambda index, _: cut(index, 200),
    "index flipped": lambda index, _: flip(index, -20),
    "index of other rows": lambda index, _: exchange_ids(index),
    "index not text": lambda index, _: index.write_bytes(b"\xff\x00"),
    "index gone": lambda index, _: index.unlink(),
    "matrix empty": lambda _, matrix: cut(matrix, 0),
    "matrix cut": lambda _, matrix: cut(matrix, 500),
    "matrix flipped": lambda _, matrix: flip(matrix, -1),
    "matrix header flipped": lambda _, matrix: flip(matrix, 30),
    "matrix of doubles": lambda _, matrix: replace_matrix(matrix),
    "matrix of the same bytes as one row": lambda _, x: np.save(x, np.load(x).reshape(1, -1)),
    "matrix of the same bytes as numbers": lambda _, x: np.save(x, np.load(x).view(np.int32)),
    "matrix gone": lambda _, matrix: matrix.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_pack_is_made_anew(
    damage: Callable[[Path, Path], object], folder: Path, cache: Path
) -> None:
    expected = stacked(folder)
    load(folder, cache)
    damage(*parts(cache))
    np.testing.assert_array_equal(load(folder, cache), expected)
    spoil(folder)
    np.testing.assert_array_equal(load(folder, cache), expected)


def test_a_cache_that_is_no_folder_costs_only_time(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = write_text(tmp_path / "occupied", "a file")
    np.testing.assert_array_equal(load(folder, cache), stacked(folder))
    assert "cannot be cached in" in caplog.text
    assert cache.read_text() == "a file"


def test_a_full_disk_costs_only_time(
    folder: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    @contextmanager
    def full(path: Path) -> Iterator[Path]:
        with original(path) as temporary:
            yield temporary
            raise OSError(errno.ENOSPC, "No space left on device")

    original = store.replacing
    monkeypatch.setattr(store, "replacing", full)
    np.testing.assert_array_equal(load(folder, cache), stacked(folder))
    assert "No space left on device" in caplog.text
    assert files(cache) == []


def test_what_a_killed_process_left_is_removed_after_a_day(folder: Path, cache: Path) -> None:
    for name, age in (("old", 90_000), ("new", 3_600)):
        left = cache / f".mmrec-{name}"
        left.mkdir(parents=True)
        write_text(left / "part.npy", "half a matrix")
        os.utime(left, (time.time() - age,) * 2)
    load(folder, cache)
    assert [name for name in files(cache) if name.startswith(".")] == [".mmrec-new"]


def test_few_vectors_are_not_packed(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmrec.features.folder.MIN_PACKED", len(IDS) + 1)
    np.testing.assert_array_equal(load(folder, cache), stacked(folder))
    assert not cache.exists()


PACK = """
import hashlib, sys
from pathlib import Path
from mmrec.features import VisualAttribute, folder, load_features
folder.MIN_PACKED = 1
source, cache, ids = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].split()
print("ready", flush=True)
sys.stdin.readline()
matrix = load_features([VisualAttribute(source, cache_dir=cache)], ids)["VisualAttribute"]
print(hashlib.sha256(matrix.tobytes()).hexdigest())
"""


def test_two_processes_pack_at_once(folder: Path, cache: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PACK, str(folder), str(cache), " ".join(IDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:  # both are past their imports: they start together
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    reported = [process.communicate(timeout=30)[0].strip() for process in processes]
    expected = stacked(folder)
    assert reported == [hashlib.sha256(expected.tobytes()).hexdigest()] * 2
    spoil(folder)
    np.testing.assert_array_equal(load(folder, cache), expected)
    assert len(files(cache)) == 2


def test_many_pack_different_items_at_once(folder: Path, cache: Path) -> None:
    expected = dict(zip(IDS, stacked(folder), strict=True))
    wrong: list[str] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(15):
            wanted = rng.permutation(IDS)[: rng.integers(1, len(IDS))].tolist()
            found = load(folder, cache, wanted)
            if not np.array_equal(found, [expected[item] for item in wanted]):
                wrong.extend(wanted)
            if rng.random() < 0.2:
                os.utime(folder / "6.npy")  # stale for all who have not looked yet

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not wrong
    np.testing.assert_array_equal(load(folder, cache), stacked(folder))
