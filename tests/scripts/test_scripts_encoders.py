"""The encoders, on stand-ins for their libraries where these are not installed."""

from __future__ import annotations

import io
import sys
import types
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import extract_features
from mmrec.errors import DataError
from mmrec.installation import install_hint
from preparing.encoders import ImageEncoder, SentenceEncoder


class Sentences:
    """A stand-in for a model of sentence-transformers."""

    def __init__(self, model: str, device: str) -> None:
        if model == "nowhere":
            raise OSError("not\n a model")
        self.device = device

    def encode(
        self,
        sentences: list[str],
        *,
        batch_size: int,
        show_progress_bar: bool,
        convert_to_numpy: bool,
    ) -> np.ndarray:
        assert batch_size == len(sentences)
        assert convert_to_numpy
        assert not show_progress_bar
        assert torch.are_deterministic_algorithms_enabled()
        return np.array([[len(text), text.count("e")] for text in sentences], np.float64)


@pytest.fixture
def sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    library = types.SimpleNamespace(SentenceTransformer=Sentences, __version__="0")
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)


@pytest.mark.usefixtures("sentences")
def test_texts_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.tsv").write_text("10\tthree  eels\n9\tone\n11\t  \n")
    arguments = ["texts", str(tmp_path / "t.tsv"), "--output", str(tmp_path / "text_feat")]
    assert extract_features.main(arguments) == 2
    assert "1 of 3 inputs cannot be read: 11: the text is empty" in capsys.readouterr().err
    assert extract_features.main([*arguments, "--on-error", "skip", "--model", "m"]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "text_feat" / "10.npy"), [10, 4])
    np.testing.assert_array_equal(np.load(tmp_path / "text_feat" / "9.npy"), [3, 1])
    with pytest.raises(SystemExit):
        extract_features.main([*arguments, "--batch-size", "0"])


@pytest.mark.usefixtures("sentences")
def test_text_models_that_cannot_be_had() -> None:
    with pytest.raises(DataError, match=r"'nowhere'.*: not a model"):
        SentenceEncoder("nowhere", "cpu")
    with pytest.raises(DataError, match="device 'abacus'"):
        SentenceEncoder("m", "abacus")


@pytest.mark.usefixtures("sentences")
def test_a_saved_model_is_known_by_its_weights(tmp_path: Path) -> None:
    saved = [tmp_path / "a" / "m", tmp_path / "b" / "m"]
    for folder in saved:
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"weights")
    first, second = (SentenceEncoder(str(folder), "cpu").settings for folder in saved)
    assert first == second
    (saved[1] / "model.safetensors").write_bytes(b"others")
    assert SentenceEncoder(str(saved[1]), "cpu").settings != first


@pytest.mark.parametrize("kind", ["images", "texts"])
def test_without_the_extra(
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("sentence_transformers", "torchvision", "torchvision.models"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "1.txt").write_text("x")
    (tmp_path / "1.png").write_bytes(b"x")
    arguments = [kind, str(tmp_path), "--output", str(tmp_path / "x")]
    assert extract_features.main(arguments) == 2
    assert install_hint("prepare") in capsys.readouterr().err


class Network(nn.Module):
    """Two layers by the names of a ResNet's last ones."""

    def __init__(self) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(2)
        self.fc = nn.Linear(12, 3)


class Extractor(nn.Module):
    def __init__(self, network: Network, layers: dict[str, str]) -> None:
        super().__init__()
        assert layers == {"avgpool": "features"}
        assert not network.training
        self.network = network

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"features": self.network.avgpool(images)}


def to_tensor(image: Any) -> Tensor:
    return torch.from_numpy(np.asarray(image, np.float32)).permute(2, 0, 1)


class Weights(Enum):
    V1 = "1"
    V2 = "2"
    DEFAULT = "2"

    def transforms(self) -> Any:
        return to_tensor


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    def get_model(name: str, weights: Weights | None) -> nn.Module:
        if weights is Weights.V1:
            raise OSError("no network")
        torch.manual_seed(0)
        return Network()

    models = types.SimpleNamespace(
        list_models=lambda module: ["tiny18", "tiny50"],
        get_model_weights=lambda name: Weights,
        get_model=get_model,
    )
    extraction = types.SimpleNamespace(
        get_graph_node_names=lambda network: ([], ["x", "avgpool", "fc"]),
        create_feature_extractor=Extractor,
    )
    library = types.SimpleNamespace(__version__="0", models=models)
    for name, module in (
        ("torchvision", library),
        ("torchvision.models", models),
        ("torchvision.models.feature_extraction", extraction),
    ):
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.usefixtures("torchvision")
def test_images_from_the_command_line(tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    Image.fromarray(pixels).save(tmp_path / "7.png")
    arguments = ["images", str(tmp_path), "--model", "tiny50", "--output", str(tmp_path / "f.npy")]
    assert extract_features.main(arguments) == 0
    quarters = [
        pixels[rows, columns].mean((0, 1))
        for rows in (slice(2), slice(2, 4))
        for columns in (slice(2), slice(2, 4))
    ]
    np.testing.assert_allclose(np.load(tmp_path / "f.npy")[0], np.array(quarters).T.ravel())


@pytest.mark.usefixtures("torchvision")
@pytest.mark.parametrize(
    ("model", "layer", "weights", "reason"),
    [
        ("tiny188", "avgpool", "V2", r"'tiny188' .*'tiny18'"),
        ("tiny18", "avgpol", "V2", r"'avgpol' .*'avgpool'"),
        ("tiny18", "avgpool", "V22", r"'V22' .*'V2'"),
        ("tiny18", "avgpool", "V1", r"V1 .*tiny18.*: no network"),
    ],
)
def test_image_models_that_cannot_be_had(model: str, layer: str, weights: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        ImageEncoder(model, layer, weights, "cpu")


@pytest.mark.usefixtures("torchvision")
def test_weights_of_a_file(tmp_path: Path) -> None:
    network = Network()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    encoder = ImageEncoder("tiny18", "avgpool", str(tmp_path / "w.pth"), "cpu")
    assert encoder.settings["weights"].startswith("sha256 ")
    loaded = encoder._network.network.fc.weight
    torch.testing.assert_close(loaded, network.fc.weight)
    torch.save({"other": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(DataError, match=r"w\.pth: .*tiny18"):
        ImageEncoder("tiny18", "avgpool", str(tmp_path / "w.pth"), "cpu")


@pytest.mark.needs("torchvision")
def test_a_model_of_torchvision(tmp_path: Path) -> None:
    from torchvision.models import get_model

    torch.manual_seed(0)
    network = get_model("resnet18", weights=None).eval()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    encoder = ImageEncoder("resnet18", "flatten", str(tmp_path / "w.pth"), "cpu")
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20), (200, 10, 60)).save(buffer, "PNG")
    image = encoder.read(buffer.getvalue())
    with torch.inference_mode():
        expected = nn.Sequential(*list(network.children())[:-1])(image[None]).flatten(1)
    vectors = encoder.encode([image, image])
    assert vectors.shape == (2, 512)
    np.testing.assert_allclose(vectors[0], expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(encoder.encode([image, image]), vectors)
