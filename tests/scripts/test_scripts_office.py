"""Downloading Amazon Office: what is checked, what is refused, and that nothing half is left."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, assert_contains

import download_office
from download_office import DRIVE_ID, PAGE, fetch_with_gdown, prepare_office
from mmrec.data import read_split
from mmrec.errors import DataError
from mmrec.installation import install_hint
from preparing.layout import OFFICE, Expected

SPLITS = {
    "train.txt": "1\t10\t5.0\n1\t11\t4.0\n2\t10\t3.0\n",
    "val.txt": "2\t11\t1.0\n",
    "test.txt": "1\t12\t2.0\n",
}
EXPECTED = Expected(
    splits={name: hashlib.sha256(text.encode()).hexdigest() for name, text in SPLITS.items()},
    rows={"train.txt": 3, "val.txt": 1, "test.txt": 1},
    n_users=2,
    n_items=3,
    widths={"image_feat": 6, "text_feat": 4},
)


def npy(width: int, fill: float = 1.0) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.full(width, fill, np.float32))
    return buffer.getvalue()


def members(**changes: bytes | None) -> dict[str, bytes]:
    """The files of the data set; a change to None leaves one out."""
    files: dict[str, bytes | None] = {name: text.encode() for name, text in SPLITS.items()}
    for item in (10, 11, 12):
        files[f"image_feat/{item}.npy"] = npy(6)
        files[f"text_feat/{item}.npy"] = npy(4)
    return {name: data for name, data in (files | changes).items() if data is not None}


def make_zip(path: Path, files: dict[str, bytes], prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(prefix + name, data)
    return path


def refused(tmp_path: Path, archive: Path, **options: object) -> str:
    """The message of a refusal that leaves nothing behind."""
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError) as caught:
        prepare_office(tmp_path / "office", archive=archive, expected=EXPECTED, **options)
    assert sorted(tmp_path.rglob("*")) == before
    return str(caught.value)


@pytest.mark.parametrize("prefix", ["", "office/", "./a/b/"])
def test_the_data_wherever_they_are_in_the_archive(
    prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = members() | {"README": b"?", "image_feat/.x.npy": b"?", "other/10.npy": b"?"}
    archive = make_zip(tmp_path / "x.zip", files, prefix)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("__MACOSX/train.txt", b"?")
        opened.mkdir(f"{prefix}empty")
    prepare_office(tmp_path / "office", archive=archive, expected=EXPECTED)
    written = {
        path.relative_to(tmp_path / "office").as_posix(): path.read_bytes()
        for path in (tmp_path / "office").rglob("*")
        if path.is_file()
    }
    facts = json.loads(written.pop("provenance.json"))
    assert written == members()
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert facts["zip_sha256"] == digest
    assert facts["differences"] == []
    out = capsys.readouterr().out
    assert "2 users, 3 items, image_feat: 3 vectors, text_feat: 3 vectors" in out
    assert "left out: 4 other files" in out
    assert digest in out


def test_download_next_to_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls = []

    def download(drive_id: str, target: Path) -> None:
        calls.append((drive_id, target))
        make_zip(target, members())

    target = tmp_path / "new" / "office"
    prepare_office(target, download=download, expected=EXPECTED)
    assert calls == [(DRIVE_ID, tmp_path / "new" / "office.zip")]
    assert (target / "train.txt").read_text() == SPLITS["train.txt"]
    with pytest.raises(DataError, match="office: already exists"):
        prepare_office(target, download=download, expected=EXPECTED)
    prepare_office(tmp_path / "new" / "office2", archive=calls[0][1], expected=EXPECTED)
    (target / "train.txt").unlink()
    target.rename(tmp_path / "moved")
    prepare_office(target, download=download, expected=EXPECTED)
    assert len(calls) == 1  # the zip file is used again
    assert "office.zip exists" in capsys.readouterr().out


def test_a_download_that_brings_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="download from Google Drive failed: no file"):
        prepare_office(tmp_path / "office", download=lambda *_: None, expected=EXPECTED)


def test_all_differences_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = {
        "val.txt": b"2\t11\t1.0\n3\t13\t1.0\n",
        "image_feat/11.npy": npy(6, np.nan),
        "text_feat/10.npy": npy(5),
        "text_feat/11.npy": npy(5),
        "text_feat/12.npy": npy(5),
    }
    archive = make_zip(tmp_path / "x.zip", members(**changes))
    message = refused(tmp_path, archive)
    differences = message.split("\n  ")[1:]
    expected = [
        ["val.txt", "2 rows"],
        ["val.txt", hashlib.sha256(changes["val.txt"]).hexdigest()],
        ["3 users"],
        ["4 items"],
        ["image_feat", "13"],
        ["image_feat", "NaN", "11"],
        ["text_feat", "13"],
        ["text_feat", "5 "],
    ]
    for line, facts in zip(differences, expected, strict=True):
        assert_contains(line, facts)
    prepare_office(tmp_path / "office", archive=archive, expected=EXPECTED, accept_differences=True)
    assert capsys.readouterr().out.count("differs: ") == 8
    facts = json.loads((tmp_path / "office" / "provenance.json").read_text())
    assert len(facts["differences"]) == 8


def test_vectors_of_different_lengths(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", members(**{"text_feat/11.npy": npy(3)}))
    message = refused(tmp_path, archive)
    assert_contains(message, ["\n  text_feat: ", "4", "11.npy (3)"])


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"train.txt": None}, ["train.txt, val.txt, test.txt"]),
        ({f"b/{name}": b"1\t1\n" for name in SPLITS}, ["2 folders"]),
        ({"train.txt": b"1\t2\t3\n4\n"}, ["train.txt:2: ", "3 tab-separated columns"]),
        ({f"text_feat/{item}.npy": None for item in (10, 11, 12)}, ["text_feat: ", "folder"]),
        ({"../evil.txt": b"x"}, ["'../evil.txt'", "outside"]),
        ({"/etc/evil.txt": b"x"}, ["'/etc/evil.txt'", "outside"]),
        ({"a/../../evil.npy": b"x"}, ["outside"]),
        ({"C:evil.txt": b"x"}, ["outside"]),
        ({"a\\evil.txt": b"x"}, ["outside"]),
    ],
)
def test_other_archives(changes: dict[str, bytes | None], facts: list[str], tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", members(**changes))
    assert_contains(refused(tmp_path, archive, accept_differences=True), facts)


def test_links_repeated_and_encrypted_members(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", members())
    link = zipfile.ZipInfo("image_feat/link.npy")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(link, "/etc/passwd")
        with pytest.warns(UserWarning, match="Duplicate name"):
            opened.writestr("val.txt", "1\t10\t1.0\n")
    message = refused(tmp_path, archive)
    assert_contains(message, ["'image_feat/link.npy'", "link", "'val.txt'", "duplicate"])

    data = bytearray(make_zip(tmp_path / "y.zip", {"train.txt": b"1"}).read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "y.zip").write_bytes(data)
    assert_contains(refused(tmp_path, tmp_path / "y.zip"), ["'train.txt'", "encrypted"])


def flip_a_byte(data: bytes) -> bytes:
    place = data.index(b"image_feat/11.npy") + 60
    return data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-40], lambda _: b"<html>quota exceeded</html>", flip_a_byte]
)
def test_damaged_archives(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", members())
    archive.write_bytes(damage(archive.read_bytes()))
    assert_contains(refused(tmp_path, archive), [archive, "zip"])


def test_the_sum_of_the_archive(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", members())
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert_contains(refused(tmp_path, archive, sha256="00FF"), [digest, "00ff"])
    prepare_office(tmp_path / "office", archive=archive, sha256=digest.upper(), expected=EXPECTED)


def test_gdown_goes_on_with_what_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = []
    gdown = types.SimpleNamespace(download=lambda **arguments: calls.append(arguments))
    monkeypatch.setitem(sys.modules, "gdown", gdown)
    fetch_with_gdown("ID", tmp_path / "office.zip")
    assert calls == [{"id": "ID", "output": str(tmp_path / "office.zip"), "resume": True}]


def test_drive_refuses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def download(**_: object) -> None:
        raise RuntimeError("Too many users have viewed\n\n  or downloaded this file recently.")

    monkeypatch.setitem(sys.modules, "gdown", types.SimpleNamespace(download=download))
    assert download_office.main(["--output", str(tmp_path / "office")]) == 2
    message = capsys.readouterr().err
    assert "Too many users have viewed or downloaded this file recently." in message
    assert PAGE in message
    assert "--zip FILE" in message
    assert not (tmp_path / "office").exists()


def test_without_gdown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "gdown", None)
    assert download_office.main(["--output", str(tmp_path / "office")]) == 2
    assert install_hint("prepare") in capsys.readouterr().err


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = make_zip(tmp_path / "x.zip", members())
    arguments = ["--zip", str(archive), "--output", str(tmp_path / "office")]
    assert download_office.main(arguments) == 2
    assert "image_feat: vectors of 6 numbers, expected 4096" in capsys.readouterr().err
    assert download_office.main([*arguments, "--accept-differences"]) == 0
    assert "differs: text_feat: vectors of 4 numbers, expected 1024" in capsys.readouterr().out
    assert download_office.main(arguments) == 2
    assert "already exists" in capsys.readouterr().err
    assert download_office.main(["--zip", str(tmp_path / "none.zip"), *arguments[2:]]) == 2


@pytest.mark.slow
def test_the_published_splits_are_what_is_expected(tmp_path: Path) -> None:
    source = ROOT.parent / "shared" / "data" / "office"
    if not source.exists():
        pytest.skip(f"the published splits are not beside the project ({source})")
    files = {name: (source / name).read_bytes() for name in OFFICE.splits}
    items = {
        item
        for name in OFFICE.splits
        for item in read_split(source / name).frame["item_id"].cat.categories
    }
    for name, width in OFFICE.widths.items():
        vector = npy(width)
        files |= {f"{name}/{item}.npy": vector for item in sorted(items)}
    archive = make_zip(tmp_path / "office.zip", files, "office/")
    prepare_office(tmp_path / "office", archive=archive)
    assert json.loads((tmp_path / "office" / "provenance.json").read_text())["differences"] == []
