"""Download Amazon Office, the data of the tutorial, and check it.

    python scripts/download_office.py                    # from Google Drive, to data/office
    python scripts/download_office.py --zip office.zip   # from a file downloaded by hand

Repeating the command resumes an interrupted download. The splits must have the SHA-256 sums of the
published ones, and every item needs vectors of the right length: 4096 for images, 1024 for texts.
Nothing is overwritten, and the folder is complete or does not exist.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mmrec.errors import DataError
from mmrec.files import sha256_of_file
from preparing.archive import unpack
from preparing.command import exit_code, load_extra
from preparing.folders import (
    PROVENANCE,
    new_folder,
    refuse_existing,
    write_provenance,
)
from preparing.layout import OFFICE, Expected, inspect, lines

DRIVE_ID = "1u_E3gJgjD-mMCE0GJ_P0slsVY-bO4Ph_"
PAGE = f"https://drive.google.com/file/d/{DRIVE_ID}/view"
DEFAULT = Path(__file__).parents[1] / "data" / "office"

Download = Callable[[str, Path], None]
"""Writes the file with a Google Drive id to a path, or raises a DataError."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script and return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=DEFAULT, help="default: data/office")
    parser.add_argument(
        "--zip", type=Path, metavar="FILE", help="use this file instead of downloading"
    )
    parser.add_argument("--sha256", metavar="HEX", help="expected SHA-256 of the zip file")
    parser.add_argument(
        "--accept-differences",
        action="store_true",
        help="keep readable data that differ from the expected data, and list the differences",
    )
    options = parser.parse_args(arguments)
    return exit_code(
        lambda: prepare_office(
            options.output,
            archive=options.zip,
            sha256=options.sha256,
            accept_differences=options.accept_differences,
        )
    )


def prepare_office(
    target: Path,
    *,
    archive: Path | None = None,
    sha256: str | None = None,
    accept_differences: bool = False,
    download: Download | None = None,
    expected: Expected = OFFICE,
) -> None:
    """Create the folder of the data set.

    Args:
        target: must not exist.
        archive: an existing zip file; by default it is downloaded next to ``target``.
        sha256: expected hexadecimal SHA-256 of the zip file.
        accept_differences: print differences from ``expected`` instead of refusing the data.
        download: downloads the file; by default gdown.
        expected: properties of the data.

    Raises:
        DataError: the download was refused, or the file is not as expected. ``target`` does not
            exist; the zip file is kept.
    """
    refuse_existing(target)
    if archive is None:
        archive = _downloaded(target.with_name(f"{target.name}.zip"), download or fetch_with_gdown)
    digest = sha256_of_file(archive)
    if sha256 is not None and digest != sha256.lower():
        raise DataError(f"{archive}: its SHA-256 is {digest}, expected {sha256.lower()}")
    with new_folder(target) as folder:
        left_out = unpack(archive, folder, list(expected.widths))
        found = inspect(folder, expected)
        if found.differences and not accept_differences:
            raise DataError(
                f"{archive}: not the expected data:\n"
                + "\n".join(f"  {difference}" for difference in found.differences)
                + "\n(--accept-differences keeps them anyway)"
            )
        facts = {
            "made_by": "scripts/download_office.py",
            "source": PAGE,
            "zip_sha256": digest,
            "differences": list(found.differences),
        }
        write_provenance(folder / PROVENANCE, facts)
    for difference in found.differences:
        print(f"differs: {difference}")
    if left_out:
        print(f"left out: {len(left_out)} other files of the archive")
    print(f"{target}: {', '.join(lines(found))}\nsha256 of {archive.name}: {digest}")


def _downloaded(archive: Path, download: Download) -> Path:
    """Return the zip file, after downloading it if it does not exist."""
    if archive.exists():
        print(f"{archive} exists and is used")
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    download(DRIVE_ID, archive)
    if not archive.is_file():
        raise _refused("no file was written", archive)
    return archive


def fetch_with_gdown(drive_id: str, target: Path) -> None:
    """Download a public file of Google Drive, or resume the download.

    Raises:
        DataError: gdown is not installed, or Drive refuses; the message contains advice.
    """
    gdown = load_extra("gdown")
    try:
        gdown.download(id=drive_id, output=str(target), resume=True)
    except Exception as error:  # of the network, of Drive's pages, of the disk
        raise _refused(" ".join(str(error).split()), target) from error


def _refused(reason: str, archive: Path) -> DataError:
    return DataError(
        f"the download from Google Drive failed: {reason}\n"
        "If the network works: Drive limits the number of downloads per day. Try again later (the "
        f"partial download is kept), or open\n  {PAGE}\nin a browser, save the file, and run\n"
        "  python scripts/download_office.py --zip FILE\n"
        f"Nothing was written to {archive.with_suffix('')}."
    )


if __name__ == "__main__":
    sys.exit(main())
