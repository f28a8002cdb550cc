"""Reading a run from its folder, finished or not."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmrec.config import Document, Experiment, Loaded, read_experiment
from mmrec.errors import ConfigError, DataError, listing, nearest
from mmrec.files import parse_json, path_errors, read_bytes, sha256_of_file
from mmrec.planning.plan import Plan, make_plan
from mmrec.runs.manifest import SCHEMA_VERSION, from_json
from mmrec.runs.manifest_shape import check_shape
from mmrec.runs.names import FEATURES, IDENTITY, MANIFEST, TRIALS
from mmrec.runs.records import TrialRecord, TrialStore
from mmrec.runs.sealed import KEY, unsealed
from mmrec.runs.trust import check_trust
from mmrec.runs.unfinished import UnfinishedRun

logger = logging.getLogger(__name__)

_FILES = "files_sha256"


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """A finished run: its manifest, its trials, and the digests of item vectors."""

    path: Path
    manifest: Mapping[str, Any]
    trials: tuple[TrialRecord, ...]
    """In the order of the manifest."""
    item_digests: Mapping[str, Any]
    """By loader: ``path``, and ``crc32`` by item id."""

    @classmethod
    def open(cls, path: Path) -> FinishedRun:
        """Read the folder of a finished run.

        Raises:
            DataError: the folder is not that of a finished run, or it is damaged.
        """
        path = path.parent if path.name == MANIFEST else path
        with path_errors(path):
            manifest = _manifest(path)
        digests = manifest.get(_FILES)
        if digests is None:
            logger.warning(
                "%s was made by a version that wrote no digests of its records, so damage to them "
                "cannot be noticed",
                path,
            )
        features = _json(path / FEATURES)
        try:
            store = TrialStore(path / TRIALS).read(digests=digests is not None)
            records = {record.trial_id: record for record in store}
            trials = tuple(records[trial["trial_id"]] for trial in manifest["trials"])
            loaders = features["loaders"]
        except (KeyError, TypeError) as error:
            raise DataError(f"{path}: the run is damaged: {error} is missing") from error
        for name, digest in (digests or {}).items():
            if sha256_of_file(path / name) != digest:
                raise DataError(f"{path}: the run is damaged: {name} does not have its digest")
        return cls(path, manifest, trials, loaders)

    @property
    def has_digests(self) -> bool:
        """Whether the records have digests; those of earlier versions do not."""
        return _FILES in self.manifest

    @property
    def n_epochs(self) -> int:
        """The number of evaluated epochs of all trials."""
        return sum(len(record.history) for record in self.trials)

    def trial(self, name: str) -> TrialRecord:
        """Return a trial by its trial_id, its name, or a unique beginning of one of them.

        Raises:
            DataError: no trial matches, or several do.
        """
        known = [(record, (record.trial_id, record.name)) for record in self.trials]
        found = [r for r, names in known if name in names] or [
            record for record, names in known if any(n.startswith(name) for n in names)
        ]
        if len(found) == 1:
            return found[0]
        names = [record.name for record in found or self.trials]
        if found:
            raise DataError(
                f"{self.path}: {name!r} is the beginning of several trials: {listing(names)}"
            )
        raise DataError(
            f"{self.path}: no trial {name!r}{nearest(name, names)}; it has: {listing(names)}"
        )


def read_plan(
    run: FinishedRun, base_dir: Path | None = None, *, use_cache: bool = True, trust: bool = False
) -> tuple[Loaded, Plan]:
    """Return the experiment of a run, to be run or read again here.

    Args:
        run: the run.
        base_dir: where its relative paths start; by default where they started in the run.
        use_cache: as for :func:`~mmrec.planning.plan.make_plan`.
        trust: execute its external models even if no experiment of this user has.

    Raises:
        ConfigError: it is not valid here, for example because a path is missing.
        TrustError: its external models are not trusted.
    """
    loaded = read_written(run, base_dir)
    if not trust:
        check_trust(run.path, loaded.external_models_path)
    try:
        return loaded, make_plan(loaded, use_cache=use_cache)
    except ConfigError as error:
        if base_dir is not None:
            raise
        then = Path(run.manifest["written"]["base_dir"])
        raise ConfigError(
            f"{error}\nrelative paths of the run start from {then}"
            f"{'' if then.is_dir() else ', which does not exist'}; if its data are elsewhere, pass "
            "the folder that they start from here with --base-dir (base_dir in Python)"
        ) from error


def read_written(run: FinishedRun | UnfinishedRun, base_dir: Path | None = None) -> Loaded:
    """Return the experiment of a run as written, with the problems that it has now."""
    written = run.manifest["written"]
    start = Path(written["base_dir"]) if base_dir is None else base_dir
    document = Document.from_dict(from_json(written["document"]))
    return read_experiment(replace(document, source=str(run.path)), start)


def is_unfinished(path: Path) -> bool:
    """Return whether a folder is that of a run that has not finished."""
    with path_errors(path):
        return (path / IDENTITY).exists() and not (path / MANIFEST).exists()


def _manifest(path: Path) -> Mapping[str, Any]:
    if not path.is_dir():
        what = "a file, not the folder of a run" if path.exists() else "no such folder"
        raise DataError(f"{path}: {what}")
    if not (path / MANIFEST).exists():
        if is_unfinished(path):
            run = UnfinishedRun.open(path)
            then = "" if run.state == "running" else "run its experiment again to resume it, or "
            raise DataError(
                f"{path}: the run {run.summary}; {then}see its trials so far with 'mmrec report'"
            )
        inner = sorted((p.parent.name for p in path.glob(f"run_*/{MANIFEST}")), reverse=True)
        hint = f"; it contains {listing(inner, limit=3)}" if inner else ""
        raise DataError(f"{path}: not the folder of a run: it has no {MANIFEST}{hint}")
    manifest = _json(path / MANIFEST)
    version = manifest.get("schema_version")
    if version != SCHEMA_VERSION:
        raise DataError(
            f"{path / MANIFEST}: schema_version is {version}, this version of mmrec reads "
            f"{SCHEMA_VERSION}; use the version that made the run: "
            f"{manifest.get('environment', {}).get('packages', {}).get('mmrec', 'unknown')}"
        )
    try:
        facts = unsealed(manifest, required=KEY in manifest or _FILES in manifest)
        check_shape(facts)
        return facts
    except ValueError as error:
        raise DataError(f"{path / MANIFEST}: the run is damaged: {error}") from error


def _json(path: Path) -> Mapping[str, Any]:
    try:
        with path_errors(path):
            content = parse_json(read_bytes(path))
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from error
    if not isinstance(content, Mapping):
        raise DataError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content


def read_settings(run: FinishedRun | UnfinishedRun) -> Experiment:
    """Return the experiment of a run.

    Raises:
        DataError: it is not valid in this version.
    """
    try:
        loaded = read_written(run)
        loaded.problems.raise_if_any()
    except ConfigError as error:
        raise DataError(f"the experiment of the run is not valid any more: {error}") from error
    assert loaded.experiment is not None
    return loaded.experiment
