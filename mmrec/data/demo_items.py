"""Titles and pictures of the items of the demo data.

The largest factor of an item determines its kind, with a shape and a colour, the second largest its
pattern: items with similar factors look similar.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmrec.errors import DataError
from mmrec.files import write_atomically
from mmrec.installation import install_hint

Matrix = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_SIZE, _FINE = 96, 4
"""Pixels of a side, and the factor by which the drawing is reduced."""

KINDS: tuple[tuple[str, tuple[int, int, int], Callable[[Matrix, Matrix], Mask]], ...] = (
    ("plate", (36, 104, 184), lambda x, y: x**2 + y**2 < 0.6),
    ("cushion", (180, 83, 10), lambda x, y: x**6 + y**6 < 0.16),
    ("tent", (27, 127, 76), lambda x, y: (y > 1.9 * np.abs(x) - 0.8) & (y < 0.65)),
    ("kite", (192, 38, 108), lambda x, y: np.abs(x) * 1.35 + np.abs(y) < 0.85),
    ("ring", (122, 63, 176), lambda x, y: np.abs(np.hypot(x, y) - 0.57) < 0.22),
    ("star", (200, 150, 0), lambda x, y: np.hypot(x, y) < 0.52 + 0.26 * _rays(x, y)),
    ("moon", (75, 85, 99), lambda x, y: (np.hypot(x, y) < 0.8) & (np.hypot(x - 0.4, y) > 0.62)),
    ("heart", (190, 40, 40), lambda x, y: _heart(1.35 * x, 0.15 - 1.35 * y)),
)
"""Name, colour and shape of each kind; x increases to the right and y downwards, from -1 to 1."""

PATTERNS: tuple[tuple[str, Callable[[Matrix, Matrix], Mask]], ...] = (
    ("Plain", lambda x, y: np.zeros_like(x, dtype=bool)),
    ("Striped", lambda x, y: y % 0.32 < 0.12),
    ("Pinstriped", lambda x, y: x % 0.2 < 0.06),
    ("Slanted", lambda x, y: (x + y) % 0.4 < 0.16),
    ("Dotted", lambda x, y: np.hypot(x % 0.36 - 0.18, y % 0.36 - 0.18) < 0.1),
    ("Checked", lambda x, y: (x % 0.5 < 0.25) ^ (y % 0.5 < 0.25)),
    ("Ringed", lambda x, y: np.hypot(x, y) % 0.3 < 0.11),
    ("Latticed", lambda x, y: ((x + y) % 0.36 < 0.08) | ((x - y) % 0.36 < 0.08)),
)
"""Name and light area of each pattern."""


def write_labels(folder: Path, tastes: Matrix, item_ids: Sequence[object]) -> None:
    """Write ``titles.tsv``, ``pictures.tsv`` and the pictures.

    Args:
        folder: created if missing; files of the same names are replaced.
        tastes: [I, 8] factors of the items.
        item_ids: in the same order.

    Raises:
        DataError: Pillow is not installed, or a file cannot be written.
    """
    titles, paths = [], []
    looks: set[tuple[int, int]] = set()
    for item_id, (kind, pattern) in zip(item_ids, _looks(tastes), strict=True):
        noun, adjective = KINDS[kind][0], PATTERNS[pattern][0]
        titles.append(f"{item_id}\t{adjective} {noun}\n")
        paths.append(f"{item_id}\tpictures/{noun}-{adjective.lower()}.png\n")
        looks.add((kind, pattern))
    write_atomically(folder / "titles.tsv", "".join(titles))
    write_atomically(folder / "pictures.tsv", "".join(paths))
    for kind, pattern in sorted(looks):
        name = f"{KINDS[kind][0]}-{PATTERNS[pattern][0].lower()}.png"
        write_atomically(folder / "pictures" / name, _drawn(kind, pattern))


def _looks(tastes: Matrix) -> list[tuple[int, int]]:
    """Return kind and pattern of each item: its largest and second largest factor."""
    order = np.argsort(-tastes, axis=1, kind="stable")
    return [(int(first), int(second)) for first, second in order[:, :2]]


def _drawn(kind: int, pattern: int) -> bytes:
    side = _SIZE * _FINE
    places = (np.arange(side) + 0.5) / side * 2 - 1
    x, y = np.meshgrid(places, places)
    _, colour, shape = KINDS[kind]
    inside, light = shape(x, y), PATTERNS[pattern][1](x, y)
    shades = np.array([(255, 255, 255), colour, [255 - (255 - c) // 3 for c in colour]], float)
    pixels = shades[inside.astype(int) + (inside & light)]
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError(f"pictures need Pillow: {install_hint('report')}") from error
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).reduce(_FINE).save(buffer, "PNG")
    return buffer.getvalue()


def _rays(x: Matrix, y: Matrix) -> Matrix:
    """Return the profile of a star with five rays by the direction from its centre."""
    turn = (np.arctan2(x, -y) * 5 / (2 * np.pi)) % 1.0
    return 1.0 - 2.0 * np.minimum(turn, 1.0 - turn) * 1.6


def _heart(x: Matrix, y: Matrix) -> Mask:
    inside: Mask = (x**2 + y**2 - 0.6) ** 3 - x**2 * y**3 * 1.8 < 0
    return inside
