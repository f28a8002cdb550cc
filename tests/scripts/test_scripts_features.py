"""Turning images and texts into vectors: the loop, with encoders that the tests bring along."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import assert_contains
from PIL import Image
from torch import Tensor, nn

import extract_features
from mmrec.errors import DataError
from mmrec.features import VisualAttribute
from mmrec.features.convert import fingerprint
from mmrec.features.formats import open_source
from preparing.encoders import decode_image
from preparing.inputs import IMAGE_SUFFIXES, find_files, find_texts

COLOURS = {str(item): (20 * item, 255 - 20 * item, 7 * item) for item in range(10)}


class SmallNetwork:
    """A convolution with fixed random weights, behind the contract of an encoder."""

    def __init__(self, name: str = "small", fail_at: int | None = None) -> None:
        generator = torch.Generator().manual_seed(0)
        self.settings: Mapping[str, str] = {"image_model": name}
        self.convolution = nn.Conv2d(3, 5, 3, bias=False)
        weights = torch.randn(self.convolution.weight.shape, generator=generator)
        self.convolution.weight = nn.Parameter(weights, requires_grad=False)
        self.n_encoded = 0
        self.fail_at = fail_at

    def read(self, content: bytes) -> Tensor:
        pixels = np.asarray(decode_image(content).resize((8, 8)), np.float32)
        return torch.from_numpy(pixels / 255).permute(2, 0, 1)

    def encode(self, inputs: Sequence[Tensor]) -> np.ndarray:
        if self.fail_at is not None and self.n_encoded >= self.fail_at:
            raise KeyboardInterrupt
        self.n_encoded += len(inputs)
        return self.convolution(torch.stack(list(inputs))).mean((2, 3)).numpy()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for item, colour in COLOURS.items():
        suffix = ("png", "jpg", "JPEG")[int(item) % 3]
        Image.new("RGB", (12, 9), colour).save(folder / f"{item}.{suffix}")
    (folder / "notes.md").write_text("not an image")
    (folder / ".hidden.png").write_text("neither")
    return folder


def run(
    images: Path, target: Path, encoder: Any = None, *, batch_size: int = 4, skip: bool = False
) -> Any:
    encoder = encoder or SmallNetwork()
    extract_features.extract_features(
        find_files(images, IMAGE_SUFFIXES),
        lambda: encoder,
        target,
        batch_size=batch_size,
        skip_unreadable=skip,
    )
    return encoder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_images_become_vectors(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "x" / "image_feat"
    run(images, target)
    assert names(target) == {f"{item}.npy" for item in COLOURS}
    assert names(target.parent) == {"image_feat", "image_feat.provenance.json"}
    reference = SmallNetwork()
    for item in ("0", "3"):
        content = next(images.glob(f"{item}.*")).read_bytes()
        wanted = reference.encode([reference.read(content)])[0]
        np.testing.assert_allclose(np.load(target / f"{item}.npy"), wanted, rtol=1e-5)
    facts = json.loads((tmp_path / "x" / "image_feat.provenance.json").read_text())
    assert facts["encoder"] == {"image_model": "small"}
    assert (facts["items"], facts["width"], facts["left_out"]) == (10, 5, {})
    assert facts["sha256"] == fingerprint(open_source(target))
    assert "10 items, 5 numbers each" in capsys.readouterr().out


def test_one_file_instead_of_a_folder(images: Path, tmp_path: Path) -> None:
    run(images, tmp_path / "folder")
    for ending in (".npy", ".npz", ".safetensors", ".tsv.gz"):
        target = tmp_path / f"f{ending}"
        run(images, target)
        ids = list(COLOURS)
        np.testing.assert_array_equal(
            VisualAttribute(target).read(ids), VisualAttribute(tmp_path / "folder").read(ids)
        )


def test_what_is_interrupted_goes_on_with_the_same_bits(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, whole = tmp_path / "a", tmp_path / "whole"
    run(images, whole)
    with pytest.raises(KeyboardInterrupt):
        run(images, target, SmallNetwork(fail_at=8))
    assert not target.exists()
    assert run(images, target).n_encoded == 2
    assert "resumed: 2 batches" in capsys.readouterr().out
    for item in COLOURS:
        name = f"{item}.npy"
        assert (target / name).read_bytes() == (whole / name).read_bytes()
    assert not list(tmp_path.glob(".*"))


def interrupted(images: Path, target: Path) -> Path:
    with pytest.raises(KeyboardInterrupt):
        run(images, target, SmallNetwork(fail_at=8))
    return target.with_name(f".{target.name}.partial")


def other_model(images: Path, partial: Path) -> Any:
    return SmallNetwork("another")


def other_image(images: Path, partial: Path) -> None:
    Image.new("RGB", (12, 9), (1, 2, 3)).save(images / "0.png")


def cut_batch(images: Path, partial: Path) -> None:
    path = sorted(partial.glob("*.npz"))[0]
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize(
    ("change", "n_encoded"), [(other_model, 10), (other_image, 6), (cut_batch, 6)]
)
def test_stale_or_damaged_batches_are_not_used(
    change: Callable[[Path, Path], Any], n_encoded: int, images: Path, tmp_path: Path
) -> None:
    target = tmp_path / "a"
    encoder = change(images, interrupted(images, target))
    assert run(images, target, encoder).n_encoded == n_encoded
    run(images, tmp_path / "b", encoder and SmallNetwork("another"))
    ids = list(COLOURS)
    np.testing.assert_array_equal(
        VisualAttribute(target).read(ids), VisualAttribute(tmp_path / "b").read(ids)
    )


def damage(images: Path) -> None:
    png = (images / "3.png").read_bytes()
    (images / "3.png").write_bytes(png[: len(png) // 2])
    (images / "4.jpg").write_bytes(b"<html>")
    (images / "5.JPEG").write_bytes(b"")
    (images / "8.JPEG").unlink()
    (images / "8.JPEG").symlink_to(images / "nowhere")


def test_unreadable_images(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(images)
    target = tmp_path / "x"
    with pytest.raises(DataError) as caught:
        run(images, target)
    message = str(caught.value)
    assert_contains(message, ["of 10"])
    assert "4: not an image in a known format" in message
    assert "8: No such file or directory" in message
    assert not target.exists()
    assert run(images, target, skip=True).n_encoded == 0  # all that could be done was done
    assert names(target) == {f"{item}.npy" for item in "012679"}
    facts = json.loads((tmp_path / "x.provenance.json").read_text())
    assert list(facts["left_out"]) == list("3458")
    assert "left out: 8: " in capsys.readouterr().out


def test_a_batch_without_a_readable_image(images: Path, tmp_path: Path) -> None:
    damage(images)
    run(images, tmp_path / "x", batch_size=1, skip=True)
    assert len(names(tmp_path / "x")) == 6
    for path in images.iterdir():
        path.unlink()
        path.write_bytes(b"")
    with pytest.raises(DataError, match="none of the 10 inputs can be read"):
        run(images, tmp_path / "y", skip=True)


def test_two_images_of_one_item(images: Path, tmp_path: Path) -> None:
    (images / "3.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"3\.jpg and 3\.png belong to the same item"):
        run(images, tmp_path / "x")


def test_nothing_is_overwritten(images: Path, tmp_path: Path) -> None:
    for name in ("x", "x.provenance.json"):
        (tmp_path / name).write_text("precious")
        with pytest.raises(DataError, match=f"{name}: already exists"):
            run(images, tmp_path / "x")
        (tmp_path / name).unlink()


class Broken(SmallNetwork):
    def encode(self, inputs: Sequence[Tensor]) -> np.ndarray:
        return np.full((len(inputs) + 1, 5), 1.0)


class NotANumber(SmallNetwork):
    def encode(self, inputs: Sequence[Tensor]) -> np.ndarray:
        return super().encode(inputs) * np.nan


@pytest.mark.parametrize(
    ("kind", "reason"), [(Broken, r"shape \(5, 5\) for the 4 inputs"), (NotANumber, "NaN")]
)
def test_encoders_that_break_their_contract(
    kind: type[SmallNetwork], reason: str, images: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=reason):
        run(images, tmp_path / "x", kind())
    assert not (tmp_path / "x").exists()


def test_texts_of_a_file_and_of_a_folder(tmp_path: Path) -> None:
    table = tmp_path / "t.tsv"
    table.write_bytes("\ufeff10\tone\n\n9\ttwo\twords\r\nZo\u00eb\tthr\u00e9e".encode())
    texts = {item: read().decode() for item, read in find_texts(table).items()}
    assert texts == {"10": "one\n", "9": "two\twords\r\n", "Zo\u00eb": "thr\u00e9e"}
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "7.txt").write_text("seven")
    assert {item: read() for item, read in find_texts(folder).items()} == {"7": b"seven"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"1\tone\n2 two\n", r"t\.tsv:2: expected id<TAB>text, found b'2 two\\n'"),
        (b"1\tone\n\ttwo\n", r"t\.tsv:2: expected id"),
        (b"1\tone\n\xff\ttwo\n", r"t\.tsv:2: expected id"),
        (b"1\tone\n2\ttwo\n1\tthree\n", r"t\.tsv:3: duplicate id .1."),
        (b"\n", "expected lines of id<TAB>text, found none"),
    ],
)
def test_files_of_texts_that_are_wrong(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_bytes(content)
    with pytest.raises(DataError, match=reason):
        find_texts(tmp_path / "t.tsv")


def test_nothing_to_encode(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        find_texts(tmp_path / "nowhere")
    with pytest.raises(DataError, match="cannot be read: No such file"):
        find_files(tmp_path / "nowhere", IMAGE_SUFFIXES)
    with pytest.raises(DataError, match=r"expected files named <item>\.txt; found none"):
        find_texts(tmp_path)


def test_a_palette_and_transparency(tmp_path: Path) -> None:
    for mode in ("P", "RGBA", "L", "1", "CMYK"):
        buffer = io.BytesIO()
        Image.new(mode, (5, 4)).save(buffer, "TIFF")
        image = decode_image(buffer.getvalue())
        assert (image.mode, image.size) == ("RGB", (5, 4))
