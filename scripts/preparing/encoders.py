"""Encoders of texts and images; their libraries are imported when an encoder is created."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from mmrec.data import Features
from mmrec.errors import DataError, nearest
from mmrec.files import sha256_of_file
from mmrec.training.determinism import deterministic
from preparing.command import load_extra

DEFAULT_TEXT_MODEL = "sentence-transformers/stsb-roberta-large"
"""The text encoder of the authors of LATTICE; vectors have 1024 numbers."""


class Encoder(Protocol):
    """The interface of a model for the extraction."""

    @property
    def settings(self) -> Mapping[str, str]:
        """Everything except inputs and batches that the vectors depend on."""
        ...

    def read(self, content: bytes) -> Any:  # noqa: ANN401 - what encode() takes
        """Return an input for :meth:`encode`; an exception means that it is unreadable."""
        ...

    def encode(self, inputs: Sequence[Any]) -> Features:
        """Return the vectors [len(inputs), F] float32, equal for equal inputs."""
        ...


class SentenceEncoder:
    """A model of sentence-transformers.

    Args:
        model: name on the hub, or the folder of a saved model.
        device: name of a torch device.

    Raises:
        DataError: sentence-transformers is not installed, or the model cannot be loaded.
    """

    def __init__(self, model: str, device: str) -> None:
        library = load_extra("sentence_transformers")
        self._device = resolve(device)
        try:
            self._model = library.SentenceTransformer(model, device=device)
        except Exception as error:  # of the network, of the hub, of a damaged folder
            raise DataError(
                f"the text model {model!r} cannot be loaded: {' '.join(str(error).split())}; "
                "expected the name of a model on the hub, or the folder of a saved one"
            ) from error
        self.settings: Mapping[str, str] = {
            "text_model": _name_of(model),
            "sentence_transformers": library.__version__,
            "torch": torch.__version__,
            "device": self._device.type,
        }

    def read(self, content: bytes) -> str:
        """Return the text in one line."""
        text = " ".join(content.decode("utf-8").split())
        if not text:
            raise ValueError("the text is empty")
        return text

    def encode(self, inputs: Sequence[str]) -> Features:
        """Return the vectors of texts."""
        with _repeatable(self._device):
            vectors = self._model.encode(
                list(inputs),
                batch_size=len(inputs),
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        return np.asarray(vectors, np.float32)


class ImageEncoder:
    """A layer of a model of torchvision.

    Args:
        model: name, such as ``resnet50``.
        layer: a node of its graph, such as ``avgpool``; its output is flattened.
        weights: name of published weights (``DEFAULT`` for the best), or a file written by
            ``torch.save(model.state_dict(), file)``.
        device: name of a torch device.

    Raises:
        DataError: torchvision is not installed, or model, layer or weights are unknown.
    """

    def __init__(self, model: str, layer: str, weights: str, device: str) -> None:
        models = load_extra("torchvision.models")
        extraction = load_extra("torchvision.models.feature_extraction")
        known = models.list_models(module=models)
        if model not in known:
            raise DataError(f"unknown image model {model!r}{nearest(model, known)}")
        self._device = resolve(device)
        published = models.get_model_weights(model)
        network = _load_network(models, model, published, weights).eval()
        nodes = extraction.get_graph_node_names(network)[1]
        if layer not in nodes:
            raise DataError(
                f"{model} has no layer {layer!r}{nearest(layer, nodes)}; its last ones are: "
                f"{', '.join(nodes[-8:])}"
            )
        extractor = extraction.create_feature_extractor(network, {layer: "features"})
        self._network = extractor.to(self._device)
        # A file of weights does not define a transformation; that of the published ones is used.
        self._transform = published[weights if weights in published.__members__ else "DEFAULT"]
        self._transform = self._transform.transforms()
        self.settings: Mapping[str, str] = {
            "image_model": model,
            "layer": layer,
            "weights": _weights_name(weights, published.__members__),
            "transform": " ".join(repr(self._transform).split()),
            "torchvision": load_extra("torchvision").__version__,
            "torch": torch.__version__,
            "device": self._device.type,
        }

    def read(self, content: bytes) -> Tensor:
        """Decode and transform an image for the model, [3, height, width]."""
        tensor: Tensor = self._transform(decode_image(content))
        return tensor

    def encode(self, inputs: Sequence[Tensor]) -> Features:
        """Return the vectors of images."""
        with _repeatable(self._device), torch.inference_mode():
            output = self._network(torch.stack(list(inputs)).to(self._device))["features"]
            vectors: Features = output.flatten(1).float().cpu().numpy()
        return vectors


def decode_image(content: bytes) -> Any:  # noqa: ANN401 - an image of PIL, which is an extra
    """Return an RGB image.

    Raises:
        ValueError: the content is not an image known to PIL.
        Exception: PIL raises many types for damaged images.
    """
    pil = load_extra("PIL")
    image = load_extra("PIL.Image")
    with warnings.catch_warnings():
        warnings.simplefilter("error", image.DecompressionBombWarning)
        try:
            opened = image.open(io.BytesIO(content))
        except pil.UnidentifiedImageError:  # its message contains the address of an object
            raise ValueError("not an image in a known format") from None
        with opened:
            return opened.convert("RGB")


def resolve(device: str) -> torch.device:
    """Return the torch device of a name.

    Raises:
        DataError: the device does not exist.
    """
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).split("\n", 1)[0]
        raise DataError(f"the device {device!r} cannot be used: {reason}") from error
    return resolved


@contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    with deterministic(device):
        # RoBERTa numbers positions by a cumulative sum, for which CUDA has no deterministic
        # kernel. Sums of integers do not depend on the order: a warning is enough.
        torch.set_deterministic_debug_mode("warn")
        yield


def _load_network(models: Any, model: str, published: Any, weights: str) -> torch.nn.Module:  # noqa: ANN401
    if weights in published.__members__:
        try:
            network: torch.nn.Module = models.get_model(model, weights=published[weights])
        except Exception as error:  # of the network
            raise DataError(
                f"the weights {weights} of {model} cannot be loaded: {error}"
            ) from error
        return network
    if not Path(weights).is_file():
        names = list(published.__members__)
        raise DataError(
            f"unknown weights {weights!r}{nearest(weights, names)} of {model}; expected "
            f"{', '.join(names)} or a file"
        )
    network = models.get_model(model, weights=None)
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        network.load_state_dict(state)
    except Exception as error:  # of the file's format, of names and shapes
        reason = " ".join(str(error).split())
        raise DataError(f"{weights}: not weights of {model}: {reason:.300}") from error
    return network


def _weights_name(weights: str, published: Mapping[str, Any]) -> str:
    """Return an identifier of weights: the name of published weights, or a digest."""
    if weights in published:
        return str(published[weights])
    return f"sha256 {sha256_of_file(Path(weights))}"


def _name_of(model: str) -> str:
    """Return an identifier of a model without the path of its folder."""
    folder = Path(model)
    if not folder.is_dir():
        return model
    files = sorted(path for path in folder.rglob("*.safetensors") if path.is_file())
    return " ".join([folder.name, *(f"sha256 {sha256_of_file(path)}" for path in files)])
