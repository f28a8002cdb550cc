"""Converting between all formats: nothing changes, nothing is overwritten, nothing is left over."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import assert_contains, refusal, write_text, write_vectors
from safetensors.numpy import load_file

from mmrec.errors import DataError
from mmrec.features import VisualAttribute
from mmrec.features.convert import convert, fingerprint
from mmrec.features.formats import SUFFIXES, open_source
from mmrec.installation import install_hint

IDS = ["7", "9", "10", "007", "B00-x.y", "Zoë", "a b", 'say "x", or y']
ORDER = ["007", "10", "7", "9", "B00-x.y", "Zoë", "a b", 'say "x", or y']
"""Ascending as text, since not all are numbers."""
WIDTH = 6
# From the smallest to the largest that float32 can hold.
VALUES = np.random.default_rng(0).normal(size=(len(IDS), WIDTH)) * 10.0 ** np.linspace(
    -44, 37, len(IDS) * WIDTH
).reshape(len(IDS), WIDTH)
MATRIX = VALUES.astype(np.float32)

ENDINGS = [ending for endings in SUFFIXES.values() for ending in endings or [""]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_vectors(tmp_path / "source", dict(zip(IDS, VALUES, strict=True)))


def expected_fingerprint() -> str:
    rows = [MATRIX[IDS.index(item)].astype("<f4").tobytes() for item in ORDER]
    text = "".join(f"{line}\n" for line in ["8 items", *ORDER])
    return hashlib.sha256(text.encode() + b"".join(rows)).hexdigest()


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_format_into_every_other_and_back(ending: str, folder: Path, tmp_path: Path) -> None:
    first = tmp_path / f"first{ending}"
    assert convert(folder, first).fingerprint == expected_fingerprint()
    np.testing.assert_array_equal(VisualAttribute(first).read(IDS), MATRIX)
    for target, endings in SUFFIXES.items():
        suffix = next(iter(endings), "")
        path = tmp_path / f"second-{target}{suffix}"
        report = convert(first, path)
        assert report.fingerprint == expected_fingerprint() == fingerprint(open_source(path))
        np.testing.assert_array_equal(VisualAttribute(path).read(IDS), MATRIX)


def test_the_report(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "features.npz"
    report = convert(folder, target)
    assert (report.source_format, report.target_format) == ("folder", "npz")
    assert (report.n_items, report.width) == (8, WIDTH)
    assert report.lines() == [
        f"{folder} (folder) -> {target} (npz): 8 items, 6 float32 numbers each",
        f"sha256 before: {expected_fingerprint()}",
        f"sha256 after:  {expected_fingerprint()} (read back and equal)",
    ]


def test_other_tools_read_what_is_written(folder: Path, tmp_path: Path) -> None:
    rows = MATRIX[[IDS.index(item) for item in ORDER]]
    for ending in (".npy", ".npz", ".safetensors", ".pt"):
        convert(folder, tmp_path / f"f{ending}")
    np.testing.assert_array_equal(np.load(tmp_path / "f.npy"), rows)
    assert (tmp_path / "f.ids.txt").read_text(encoding="utf-8").splitlines() == ORDER
    with np.load(tmp_path / "f.npz") as archive:
        assert archive["ids"].tolist() == ORDER
        np.testing.assert_array_equal(archive["features"], rows)
    np.testing.assert_array_equal(load_file(tmp_path / "f.safetensors")["features"], rows)
    content = torch.load(tmp_path / "f.pt", weights_only=True)
    assert content["ids"] == ORDER
    np.testing.assert_array_equal(content["features"].numpy(), rows)


def test_the_same_source_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for ending in (".npy", ".safetensors", ".csv", ".tsv.gz", ".itememb"):
        first, second = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
        convert(folder, first)
        convert(first, second)
        assert first.read_bytes() == second.read_bytes()
    assert (tmp_path / "a.tsv.gz").read_bytes()[4:8] == bytes(4)  # no time of day


def test_whole_numbers_are_ordered_as_numbers(tmp_path: Path) -> None:
    rows = np.arange(22, dtype=np.float64).reshape(11, 2)
    np.save(tmp_path / "image_feat.npy", rows)
    convert(tmp_path / "image_feat.npy", tmp_path / "f.csv")
    first, *_, last = (tmp_path / "f.csv").read_text().splitlines()
    assert (first, last) == ("id,f0,f1", "10,20,21")
    convert(tmp_path / "f.csv", tmp_path / "g.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "g.npy"), rows)


def test_large_sources_go_through_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = {str(n): np.random.default_rng(n).normal(size=3) for n in range(50)}
    folder = write_vectors(tmp_path / "f", vectors)
    whole = fingerprint(open_source(folder))
    monkeypatch.setattr("mmrec.features.source.BLOCK_BYTES", 100)
    for name, endings in SUFFIXES.items():
        path = tmp_path / f"x-{name}{next(iter(endings), '')}"
        assert convert(folder, path).fingerprint == whole
    np.save(folder / "49.npy", np.ones(4))
    message = refusal(DataError, convert, folder, tmp_path / "y.npy")
    assert_contains(message, [f"{folder}:", "vectors", "lengths"])
    assert "49" in message


@pytest.mark.parametrize(
    ("there", "target"),
    [
        ("x.npz", "x.npz"),
        ("x", "x"),
        ("x.npy", "x.npy"),
        ("x.ids.txt", "x.npy"),
        ("x.json", "x.npy"),
    ],
)
def test_nothing_is_overwritten(there: str, target: str, folder: Path, tmp_path: Path) -> None:
    write_text(tmp_path / there, "precious")
    assert_contains(
        refusal(DataError, convert, folder, tmp_path / target),
        [f"{tmp_path / there}:", "exists", "name"],
    )
    assert (tmp_path / there).read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} == {"source", there}


def test_a_link_to_nowhere_is_not_overwritten(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x.npz").symlink_to(tmp_path / "nowhere")
    assert "already exists" in refusal(DataError, convert, folder, tmp_path / "x.npz")


def test_a_source_is_not_converted_onto_itself(folder: Path) -> None:
    assert "already exists" in refusal(DataError, convert, folder, folder)


@pytest.mark.parametrize(
    ("target", "options", "facts"),
    [
        ("x.dat", {}, ["{path}:", "unknown"]),
        ("x", {"target_format": "npy"}, ["{path}:", "name", "file"]),
        ("x.npz", {"target_format": "pt"}, ["{path}:", "name", "file"]),
        ("x", {"target_format": "np"}, ["'np'", "'npz'", "unknown", "format"]),
        ("x", {"source_format": "npy"}, ["file"]),
    ],
)
def test_names_and_formats_must_fit(
    target: str, options: dict[str, str], facts: list[str], folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / target
    message = refusal(DataError, lambda: convert(folder, path, **options))
    assert_contains(message.replace(str(path), "{path}").replace(str(folder), "{source}"), facts)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_format_named_by_hand(folder: Path, tmp_path: Path) -> None:
    convert(folder, tmp_path / "images.v2", target_format="folder")
    convert(folder, tmp_path / "f.csv")
    odd = (tmp_path / "f.csv").rename(tmp_path / "f.dat")
    report = convert(odd, tmp_path / "g.npz", source_format="csv")
    assert report.source_format == "csv"


@pytest.mark.parametrize(
    ("spoil", "facts"),
    [
        (lambda path: np.save(path / "7.npy", np.full(WIDTH, np.inf)), ["NaN", "infinity"]),
        (lambda path: np.save(path / "7.npy", np.ones(3)), ["7.npy"]),
        (lambda path: write_text(path / "7.npy", "no array"), ["7.npy:", "vector"]),
    ],
    ids=["infinite", "short", "garbage"],
)
@pytest.mark.parametrize("ending", ["", ".npy", ".csv.gz", ".pt"])
def test_a_bad_source_leaves_nothing(
    ending: str, spoil: Callable[[Path], object], facts: list[str], folder: Path, tmp_path: Path
) -> None:
    spoil(folder)
    assert_contains(refusal(DataError, convert, folder, tmp_path / f"x{ending}"), facts)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("item", "target", "facts"),
    [
        ("../7", "x", ["x:", "'../7'", "ids", "file names"]),
        (".7", "x", ["x:", "'.7'", "ids", "file names"]),
        ("7" * 252, "x", ["x:", "ids", "file names"]),
        ("7\n8", "x.npy", ["x.npy:", "'7\\n8'", "ids", "lines"]),
        ("7\t8", "x.tsv", ["x.tsv:", "'7\\t8'", "ids", "lines"]),
        ("7\r8", "x.csv", ["x.csv:", "'7\\r8'", "ids", "lines"]),
        ("7\n8", "x.itememb", ["x.itememb:", "'7\\n8'", "ids", "lines"]),
        ("7\0", "x.npz", ["x.npz:", "ids", "vectors"]),
    ],
)
def test_ids_that_a_format_cannot_hold(
    item: str, target: str, facts: list[str], tmp_path: Path
) -> None:
    source = tmp_path / "source.pt"
    torch.save({item: torch.ones(3), "9": torch.ones(3)}, source)
    message = refusal(DataError, convert, source, tmp_path / target)
    assert_contains(message.removeprefix(f"{tmp_path}/"), facts)
    assert list(tmp_path.iterdir()) == [source]


def test_a_disk_that_refuses(folder: Path, tmp_path: Path) -> None:
    occupied = write_text(tmp_path / "occupied", "a file")
    message = refusal(DataError, convert, folder, occupied / "x.npz")
    assert_contains(message, [f"{occupied / 'x.npz'}:"])


def test_parquet_without_pyarrow(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    message = refusal(DataError, convert, folder, tmp_path / "x.parquet")
    assert message.endswith(f"x.parquet: Parquet files need pyarrow: {install_hint('parquet')}")
    assert list(tmp_path.iterdir()) == [folder]


CONVERT = """
import resource, sys
from pathlib import Path
from mmrec.features.convert import convert
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
convert(Path(sys.argv[1]), Path(sys.argv[2]))
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts KiB as Linux does")
@pytest.mark.parametrize("ending", [".npy", ".safetensors", ""])
def test_a_large_matrix_is_never_in_memory_as_a_whole(ending: str, tmp_path: Path) -> None:
    """64 MiB go through with less than half of that resident, mapped pages included."""
    source = tmp_path / "source.npy"
    np.save(source, np.random.default_rng(0).standard_normal((1 << 13, 1 << 11), np.float32))
    command = [sys.executable, "-c", CONVERT, str(source), str(tmp_path / f"target{ending}")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert int(done.stdout) / 1024 < 32
