"""Small pictures of items, as text for a page."""

from __future__ import annotations

import base64
import io
import warnings
from pathlib import Path
from typing import TypedDict

from mmrec.errors import DataError

EDGE = 160
"""Pixels of the longer side at most: twice what the page shows, for high-resolution screens."""
_QUALITY = 80


class Thumbnail(TypedDict):
    """A picture and its size."""

    width: int
    height: int
    data: str
    """A JPEG as a data: URI, 5 to 9 kB for a photograph."""


def thumbnail(path: Path) -> Thumbnail:
    """Return a picture scaled down, upright, and on white where it is transparent.

    Raises:
        DataError: the file cannot be read as a picture.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                picture.draft("RGB", (2 * EDGE, 2 * EDGE))  # decodes a large JPEG at this size
                small = ImageOps.exif_transpose(picture).convert("RGBA")
            small.thumbnail((EDGE, EDGE))
            flat = Image.new("RGB", small.size, "white")
            flat.paste(small, mask=small)
            written = io.BytesIO()
            flat.save(written, "JPEG", quality=_QUALITY, optimize=True)
    except Exception as error:  # decoders of damaged files raise any type
        raise DataError(f"{path}: {type(error).__name__}: {error}") from error
    data = base64.b64encode(written.getvalue()).decode("ascii")
    return Thumbnail(width=flat.width, height=flat.height, data=f"data:image/jpeg;base64,{data}")
