r"""Encode images or texts of items as feature vectors.

    python scripts/extract_features.py images FOLDER --output data/mine/image_feat \
        --model resnet50 --layer avgpool
    python scripts/extract_features.py texts FILE.tsv --output data/mine/text_feat \
        --model sentence-transformers/all-MiniLM-L6-v2

Images are files <item>.jpg, .jpeg, .png or .webp in a folder. Texts are lines id<TAB>text of a
file, or files <item>.txt in a folder. The output is a folder of <item>.npy, or one file if its name
ends in .npy, .npz, .safetensors, .pt, .parquet, .csv or .tsv. Repeating the command resumes an
interrupted extraction with the same bits.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mmrec import __version__
from mmrec.errors import DataError, listing
from preparing.command import exit_code, positive
from preparing.encoders import DEFAULT_TEXT_MODEL, Encoder, ImageEncoder, SentenceEncoder
from preparing.extraction import Extraction, Inputs, extract, write_vectors
from preparing.folders import refuse_existing, write_provenance
from preparing.inputs import IMAGE_SUFFIXES, find_files, find_texts


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script and return its exit code."""
    options = _parser().parse_args(arguments)
    return exit_code(
        lambda: extract_features(
            options.find(options.source),
            lambda: options.encoder(options),
            options.output,
            batch_size=options.batch_size,
            skip_unreadable=options.on_error == "skip",
        )
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(required=True, metavar="images|texts")
    images = kinds.add_parser("images", help="with a model of torchvision")
    images.add_argument("source", type=Path, metavar="FOLDER")
    images.add_argument("--model", default="resnet50", metavar="NAME", help="default: resnet50")
    images.add_argument("--layer", default="avgpool", metavar="NAME", help="default: avgpool")
    images.add_argument(
        "--weights",
        default="DEFAULT",
        metavar="NAME_OR_FILE",
        help="name of published weights, or a saved state dict; default: DEFAULT, the best",
    )
    images.set_defaults(
        find=lambda folder: find_files(folder, IMAGE_SUFFIXES),
        encoder=lambda o: ImageEncoder(o.model, o.layer, o.weights, o.device),
    )
    texts = kinds.add_parser("texts", help="with a model of sentence-transformers")
    texts.add_argument("source", type=Path, metavar="FILE_OR_FOLDER")
    texts.add_argument(
        "--model",
        default=DEFAULT_TEXT_MODEL,
        metavar="NAME_OR_FOLDER",
        help=f"default: {DEFAULT_TEXT_MODEL}",
    )
    texts.set_defaults(find=find_texts, encoder=lambda o: SentenceEncoder(o.model, o.device))
    for kind in (images, texts):
        kind.add_argument("--output", type=Path, required=True, help="must not exist")
        kind.add_argument("--batch-size", type=positive, default=32, metavar="N")
        kind.add_argument("--device", default="cpu", help="cpu (the default), cuda, cuda:1, ...")
        kind.add_argument(
            "--on-error",
            choices=["fail", "skip"],
            default="fail",
            help="policy for unreadable or empty inputs",
        )
    return parser


def extract_features(
    inputs: Inputs,
    make_encoder: Callable[[], Encoder],
    target: Path,
    *,
    batch_size: int,
    skip_unreadable: bool,
) -> None:
    """Encode inputs, and write their vectors and a file with their provenance.

    Args:
        inputs: the images or texts of the items.
        make_encoder: returns the model; called after all other checks.
        target: must not exist.
        batch_size: number of inputs per batch.
        skip_unreadable: leave out unreadable inputs, and list them.

    Raises:
        DataError: the target exists, or inputs are unreadable. Finished batches are kept next to
            ``target``.
    """
    provenance = target.with_name(f"{target.name}.provenance.json")
    refuse_existing(target)
    refuse_existing(provenance)
    encoder = make_encoder()
    work = target.with_name(f".{target.name}.partial")
    extraction = extract(inputs, encoder, batch_size, work)
    reasons = [f"{item_id}: {why}" for item_id, why in extraction.unreadable.items()]
    if reasons and not skip_unreadable:
        raise DataError(
            f"{len(reasons)} of {len(inputs)} inputs cannot be read: {listing(reasons, 20)}. "
            "Repair or remove them, or leave them out with --on-error skip; finished batches are "
            "kept"
        )
    if not extraction.ids:
        raise DataError(f"none of the {len(inputs)} inputs can be read: {listing(reasons, 20)}")
    report = write_vectors(target, extraction.ids, extraction.blocks(), work)
    facts = {
        "made_by": "scripts/extract_features.py",
        "mmrec": __version__,
        "encoder": dict(encoder.settings),
        "batch_size": batch_size,
        "items": report.n_items,
        "width": report.width,
        "sha256": report.fingerprint,
        "left_out": dict(extraction.unreadable),
    }
    write_provenance(provenance, facts)
    shutil.rmtree(work)
    _print_notes(extraction, reasons)
    print(f"{target}: {report.n_items} items, {report.width} numbers each")
    print(f"sha256 {report.fingerprint}")


def _print_notes(extraction: Extraction, reasons: Sequence[str]) -> None:
    if extraction.n_found:
        print(f"resumed: {extraction.n_found} batches were already encoded")
    for reason in reasons:
        print(f"left out: {reason}")


if __name__ == "__main__":
    sys.exit(main())
