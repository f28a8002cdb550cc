"""Runs with other records or facts, as a run that has them would have been written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmrec.files import sha256
from mmrec.runs.sealed import KEY, sealed, sealed_line


def reseal(run: Path, lines: list[dict[str, Any]] | None = None, **changes: Any) -> None:
    """Write records and manifest of a run with the digests that they have.

    Args:
        run: its folder.
        lines: the records; None keeps those of the run.
        changes: of the manifest.
    """
    path = run / "trials.jsonl"
    if lines is not None:
        path.write_text("".join(resealed_line(line) + "\n" for line in lines))
    facts = _without_digest(json.loads((run / "manifest.json").read_text()) | changes)
    facts["files_sha256"] |= {path.name: sha256(path.read_bytes())}
    (run / "manifest.json").write_text(json.dumps(sealed(facts)))


def resealed_line(facts: dict[str, Any]) -> str:
    """One line of JSON: the facts with the digest that they have, in place of any other."""
    return sealed_line(_without_digest(facts))


def _without_digest(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key != KEY}
