"""Unpacking a data set from an untrusted zip file."""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from mmrec.errors import DataError, listing

SPLITS = ("train.txt", "val.txt", "test.txt")


def unpack(archive: Path, target: Path, vector_folders: Sequence[str]) -> list[str]:
    """Unpack the splits and the folders of vectors.

    Nothing is unpacked if a member of the archive is a link, has a path outside of the archive, is
    a duplicate or is encrypted.

    Args:
        archive: a zip file that contains :data:`SPLITS` and ``<vector folder>/<item>.npy``, at its
            top or in one folder.
        target: an existing folder.
        vector_folders: names of the folders of vectors.

    Returns:
        The names of the other files, in the order of the archive.

    Raises:
        DataError: the archive is missing, damaged, suspicious or has other content. Files that
            were unpacked before the error stay in ``target``.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            _refuse_suspicious(archive, opened.infolist())
            root = _find_root(archive, members)
            left_out = []
            for member in members:
                path = PurePosixPath(member.filename)
                inner = path.relative_to(root) if path.is_relative_to(root) else None
                if inner is None or not _is_wanted(inner, vector_folders):
                    left_out.append(member.filename)
                    continue
                destination = target / inner
                destination.parent.mkdir(exist_ok=True)
                with opened.open(member) as source, destination.open("xb") as file:
                    shutil.copyfileobj(source, file)
    except FileNotFoundError:
        raise DataError(f"{archive}: no such file") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DataError(f"{archive}: not a zip file, or a damaged one: {error}") from error
    return left_out


def _refuse_suspicious(archive: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    counts = Counter(member.filename for member in members)
    complaints = []
    for member in members:
        name, mode = member.filename, member.external_attr >> 16
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or re.search(r"\\|^[A-Za-z]:", name):
            complaints.append(f"{name!r} is outside of the archive")
        elif stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            complaints.append(f"{name!r} is a link or a special file")
        elif member.flag_bits & 1:
            complaints.append(f"{name!r} is encrypted")
        elif counts[name] > 1:
            complaints.append(f"{name!r} is a duplicate")
    if complaints:
        raise DataError(f"{archive}: not unpacked: {listing(dict.fromkeys(complaints))}")


def _find_root(archive: Path, members: Sequence[zipfile.ZipInfo]) -> PurePosixPath:
    """Return the folder of the archive with the splits."""
    folders: dict[PurePosixPath, set[str]] = {}
    for member in members:
        path = PurePosixPath(member.filename)
        if path.name in SPLITS and "__MACOSX" not in path.parts:
            folders.setdefault(path.parent, set()).add(path.name)
    roots = [folder for folder, names in folders.items() if len(names) == len(SPLITS)]
    if len(roots) != 1:
        found = f"in {len(roots)} folders" if roots else "nowhere"
        raise DataError(
            f"{archive}: expected {listing(SPLITS)} in one folder, found them {found}; "
            f"the archive contains {listing(member.filename for member in members) or 'no file'}"
        )
    return roots[0]


def _is_wanted(path: PurePosixPath, vector_folders: Sequence[str]) -> bool:
    if len(path.parts) == 1:
        return path.name in SPLITS
    is_vector = path.suffix == ".npy" and not path.name.startswith(".")
    return len(path.parts) == 2 and path.parts[0] in vector_folders and is_vector
