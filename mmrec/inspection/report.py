"""``mmrec report``: the tables and the report of a run once more, from what it has recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmrec.files import sha256
from mmrec.inspection.studies import recorded_studies
from mmrec.reporting import Results, write_report, write_tables


@dataclass(frozen=True, eq=False)
class Rewritten:
    """What was written."""

    results: Results
    changed: tuple[str, ...]
    """Tables whose content is another than that which the run wrote."""


def rewrite_report(path: str | Path, base_dir: Path | None = None) -> Rewritten:
    """Write the tables and the report of a finished run again; nothing is trained or evaluated.

    With the version of mmrec that made the run the files get the bytes that they had. With
    another one tables may come out differently; the manifest then tells of those that there are.

    Args:
        path: the folder of the run.
        base_dir: where relative paths of the experiment start, if they have moved since.

    Raises:
        DataError: the folder is not that of a finished run, or a file cannot be written.
        ConfigError: this version or this machine cannot read the experiment.
    """
    recorded = recorded_studies(Path(path), base_dir)
    manifest, folder = dict(recorded.run.manifest), recorded.run.path
    results, tables = write_tables(
        recorded.plan,
        recorded.studies,
        folder,
        folder.parent,
        manifest["protocol"]["selected_on"],
    )
    digests = {name: sha256(text.encode()) for name, text in tables.items()}
    was = manifest["tables_sha256"]
    manifest["tables_sha256"] = digests
    write_report(manifest, recorded.plan, recorded.studies, folder)
    changed = [name for name, digest in digests.items() if was.get(name) != digest]
    return Rewritten(results, tuple(changed))
