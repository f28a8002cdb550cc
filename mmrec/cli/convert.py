"""``mmrec convert``."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec.cli.arguments import Commands, add_command

EXAMPLES = """
mmrec convert data/demo/image_feat image_feat.npz
mmrec convert vectors.csv data/office/text_feat
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    convert = add_command(
        commands, "convert", _convert, "rewrite item vectors in another format", EXAMPLES
    )
    convert.add_argument("source", type=Path, metavar="SOURCE", help="a file or folder of vectors")
    convert.add_argument(
        "target", type=Path, metavar="TARGET", help="the new file or folder; must not exist"
    )
    convert.add_argument(
        "--from", dest="source_format", metavar="FORMAT", help="the format of the source"
    )
    convert.add_argument(
        "--id",
        dest="id_column",
        metavar="COLUMN",
        help="the column with the ids, if the source is a table with a header",
    )
    convert.add_argument(
        "--to", dest="target_format", metavar="FORMAT", help="the format of the target"
    )


def _convert(options: argparse.Namespace) -> int:
    """Rewrite the vectors of a file or folder, and check that they are the same.

    The format follows from the name: a folder of <item>.npy, .npy with an id file next to it,
    .npz, .safetensors, .pt, .parquet, .csv or .tsv.
    """
    from mmrec.features.convert import convert

    report = convert(
        options.source,
        options.target,
        source_format=options.source_format,
        target_format=options.target_format,
        id_column=options.id_column,
    )
    print("\n".join(report.lines()))
    return 0
