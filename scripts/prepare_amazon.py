r"""Prepare a category of the Amazon 2014 reviews for mmrec.

    python scripts/prepare_amazon.py --output data/baby \
        --reviews reviews_Baby_5.json.gz --metadata meta_Baby.json.gz --images image_features_Baby.b

The three files are published by Julian McAuley: the 5-core reviews, the metadata of the products,
and the visual features. The output contains train.txt, val.txt and test.txt with numeric ids,
image_feat/<item>.npy (4096 numbers), text_feat/<item>.npy, and the tables items.tsv (id, ASIN,
title), users.tsv (id, reviewer), texts.tsv (id, text) and interactions.tsv (user, item, rating,
time; not split). provenance.json lists the sources. The same files give the same bytes.

Users and items are numbered from 0 in ascending order of their Amazon ids. The split is that of the
authors of LATTICE.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmrec import __version__
from mmrec.features.convert import ConvertReport
from mmrec.features.formats import SUFFIXES
from mmrec.files import sha256_of_file
from preparing.amazon import ItemTexts, read_images, read_reviews
from preparing.amazon_output import (
    write_images,
    write_interactions,
    write_text_features,
    write_texts,
)
from preparing.command import exit_code, positive
from preparing.encoders import DEFAULT_TEXT_MODEL, Encoder, SentenceEncoder
from preparing.folders import (
    PROVENANCE,
    new_folder,
    refuse_existing,
    write_provenance,
)
from preparing.hold_out import DESCRIPTION
from preparing.records import BrokenLines

logger = logging.getLogger("preparing.amazon")


@dataclass(frozen=True)
class Sources:
    """The files of a category."""

    reviews: Path
    metadata: Path
    images: Path


@dataclass(frozen=True)
class Choices:
    """Options of the preparation."""

    fill_images: bool = True
    """Items without an image get the mean of the others."""
    skip_broken: bool = False
    """Skip invalid lines."""
    batch_size: int = 32
    """Number of texts per batch."""
    features: str = "folder"
    """Format of the vectors, a key of ``mmrec.features.formats.SUFFIXES``."""
    seed: int = 123
    """Seed of the split."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script and return its exit code."""
    options = _parser().parse_args(arguments)
    return exit_code(
        lambda: prepare_amazon(
            Sources(options.reviews, options.metadata, options.images),
            options.output,
            lambda: SentenceEncoder(options.text_model, options.device),
            Choices(
                fill_images=options.missing_images == "mean",
                skip_broken=options.skip_broken_lines,
                batch_size=options.batch_size,
                features=options.features,
                seed=options.seed,
            ),
        )
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("reviews", "metadata", "images"):
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="FILE")
    parser.add_argument("--output", type=Path, required=True, help="must not exist")
    parser.add_argument(
        "--text-model",
        default=DEFAULT_TEXT_MODEL,
        metavar="NAME_OR_FOLDER",
        help=f"of sentence-transformers; default: {DEFAULT_TEXT_MODEL}",
    )
    parser.add_argument("--device", default="cpu", help="of the text model; default: cpu")
    parser.add_argument("--batch-size", type=positive, default=32, metavar="N", help="of texts")
    parser.add_argument(
        "--missing-images",
        choices=["mean", "leave"],
        default="mean",
        help="items without an image get the mean of the others (default), or no vector",
    )
    parser.add_argument(
        "--features", choices=list(SUFFIXES), default="folder", help="format; default: folder"
    )
    parser.add_argument("--seed", type=int, default=123, help="of the split; default: 123")
    parser.add_argument(
        "--skip-broken-lines", action="store_true", help="skip lines that cannot be read"
    )
    return parser


def prepare_amazon(
    sources: Sources, target: Path, make_encoder: Callable[[], Encoder], choices: Choices
) -> None:
    """Create the folder of a data set.

    Args:
        sources: the three files.
        target: must not exist.
        make_encoder: returns the text model; called before the files are read.
        choices: options.

    Raises:
        DataError: the target exists, or a file cannot be used. Nothing was written.
    """
    refuse_existing(target)
    encoder = make_encoder()
    broken = [
        BrokenLines(path, skip=choices.skip_broken) for path in (sources.reviews, sources.metadata)
    ]
    suffix = next(iter(SUFFIXES[choices.features]), "")
    with new_folder(target) as folder:
        scratch = folder.parent
        reviews = read_reviews(sources.reviews, broken[0])
        asins = sorted(reviews.items)
        counts = write_interactions(folder, reviews, choices.seed)
        texts = ItemTexts(sources.metadata, asins, scratch / "metadata", broken[1])
        counts |= write_texts(folder, asins, texts)
        logger.info("reading %s", sources.images)
        images = read_images(sources.images, asins, scratch / "images.npy")
        counts["items without image"] = len(asins) - len(images.asins)
        counts["images with NaN or infinity"] = len(images.not_finite)
        features = {
            "image_feat": write_images(
                folder / f"image_feat{suffix}", images, asins, fill=choices.fill_images
            ),
            "text_feat": write_text_features(
                folder / f"text_feat{suffix}", encoder, choices.batch_size, scratch
            ),
        }
        counts["broken lines"] = sum(lines.count for lines in broken)
        facts = _provenance(folder, sources, images.sha256, encoder, choices, counts, features)
        write_provenance(folder / PROVENANCE, facts)
    for lines in broken:
        for line in lines.lines():
            logger.warning("%s", line)
    _say(target, counts, features)


def _provenance(
    folder: Path,
    sources: Sources,
    images_sha256: str,
    encoder: Encoder,
    choices: Choices,
    counts: dict[str, int],
    features: dict[str, ConvertReport],
) -> dict[str, object]:
    written = sorted(path for path in folder.iterdir() if path.suffix in (".txt", ".tsv"))
    return {
        "made_by": "scripts/prepare_amazon.py",
        "mmrec": __version__,
        "numpy": np.__version__,
        "inputs": {
            sources.reviews.name: sha256_of_file(sources.reviews),
            sources.metadata.name: sha256_of_file(sources.metadata),
            sources.images.name: images_sha256,
        },
        "split": {"seed": choices.seed, "how": DESCRIPTION},
        "missing_images": "mean" if choices.fill_images else "leave",
        "encoder": dict(encoder.settings),
        "batch_size": choices.batch_size,
        "counts": counts,
        "files": {path.name: sha256_of_file(path) for path in written},
        "features": {
            name: {"items": r.n_items, "width": r.width, "sha256": r.fingerprint}
            for name, r in features.items()
        },
    }


def _say(target: Path, counts: dict[str, int], features: dict[str, ConvertReport]) -> None:
    width = max(map(len, counts))
    for name, count in counts.items():
        print(f"{name:<{width}}  {count}")
    for name, report in features.items():
        print(f"{name:<{width}}  {report.n_items} vectors of {report.width} numbers")
    print(f"written: {target}")


if __name__ == "__main__":
    sys.exit(main())
