"""Replay recorded results of reference implementations through mmrec's models.

    python scripts/replay_reference.py [--all] [FILE.npz...]

A file holds a small data set, the initial parameters, the batches of some steps, and what the
reference computed with them. mmrec's model gets the same data, parameters and batches. For each
file a row says which quantity is nearest to its bound, or beyond it. Without files, those of
``../shared/reference/steps`` and ``../shared/models/steps`` whose model exists are replayed. The
exit status is 1 if a quantity is out of bounds.

The model of a file is found by the beginning of the file's name, up to the first ``_``, or by
``model`` in its configuration. A module per model in ``replaying/models`` says what the reference
calls the hyper-parameters and the parameters; see :class:`replaying.steps.StepReplay`, and for
recommenders in closed form :class:`replaying.scores.ScoresReplay`.

Bounds: losses, parameters, embeddings, scores and graphs within 1e-5 absolute plus 1e-4 relative,
entry by entry; gradients within 1e-4 of their largest recorded entry; what recommenders in closed
form compute within 1e-6 of its largest recorded entry, with the exceptions in their modules.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).resolve().parent))

from mmrec.models import MODELS  # noqa: E402
from replaying.comparison import Comparison  # noqa: E402
from replaying.recording import Recording  # noqa: E402

FOLDERS = ("reference/steps", "models/steps")
ALIASES = {
    "p3alpha": "rp3beta",
    "ials2022": "ials",
    "ials (2022 objective)": "ials",
    "mbpr": "vbpr",
    "slimelastic": "slim",
}
"""The model of files and of recorded configurations with another name, in lower case."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay the files named on the command line, or all of those with a model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.npz")
    parser.add_argument("--all", action="store_true", help="print every quantity")
    options = parser.parse_args(arguments)
    files = options.files or [path for path in recorded_files() if model_of(path)]
    without = [] if options.files else [path for path in recorded_files() if not model_of(path)]
    width = max((len(path.stem) for path in files), default=0)
    print(
        f"{'file':<{width}}  {'worst quantity':<48}{'absolute':>10}{'relative':>10}{'of bound':>10}"
    )
    failures = n_left_out = 0
    for path in files:
        rows = list(replay(path))
        if not rows:
            n_left_out += 1
            print(f"{path.stem:<{width}}  left out: {replay_of(path).left_out}")
            continue
        beyond = [row for row in rows if not row.within]
        failures += len(beyond)
        shown = rows if options.all else beyond or [max(rows, key=lambda row: row.of_bound)]
        for row in shown:
            print(_line(f"{path.stem:<{width}}", row))
    if without:
        kinds = sorted({path.stem.split("_")[0] for path in without})
        print(f"{len(without)} files of models that do not exist: {', '.join(kinds)}")
    print(f"{len(files) - n_left_out} files replayed, {failures} quantities out of bounds")
    return 1 if failures else 0


def recorded_files() -> list[Path]:
    """Return the files that are replayed by default."""
    folders = [ROOT.parent / "shared" / folder for folder in FOLDERS]
    return [path for folder in folders for path in sorted(folder.glob("*.npz"))]


def model_of(path: Path) -> str | None:
    """Return the name of a file's model in lower case, None if mmrec does not have it."""
    known = {name.lower() for name in MODELS}
    name = path.stem.split("_")[0].lower()
    if ALIASES.get(name, name) not in known:
        name = str(Recording(path).config.get("model", "")).lower()
    name = ALIASES.get(name, name)
    return name if name in known else None


def replay(path: Path) -> Iterator[Comparison]:
    """Replay one file and yield a comparison for each quantity that it records."""
    yield from replay_of(path).compare()


def replay_of(path: Path) -> Any:  # noqa: ANN401 - the class of the model's module
    """Return what replays a file.

    Raises:
        SystemExit: mmrec does not have the model, or there is no module for it.
    """
    name = model_of(path)
    if name is None:
        raise SystemExit(f"{path}: no model of mmrec has the name that this file begins with")
    module = f"replaying.models.{name}"
    if importlib.util.find_spec(module) is None:
        raise SystemExit(f"{path}: scripts/replaying/models/{name}.py is missing")
    return importlib.import_module(module).Replay(Recording(path))


def _line(file: str, row: Comparison) -> str:
    mark = "" if row.within else "  OUT OF BOUNDS"
    errors = f"{row.absolute:>10.1e}{row.relative:>10.1e}{row.of_bound:>10.1%}"
    return f"{file}  {row.quantity:<48}{errors}{mark}"


if __name__ == "__main__":
    sys.exit(main())
