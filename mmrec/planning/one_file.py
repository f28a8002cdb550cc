"""The one file of ``strategy: dataset``: read, filtered, and split into folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from mmrec.config import Experiment, Prefilter, Split, Splitting
from mmrec.data import (
    BoolArray,
    Dataset,
    FilterStep,
    FoldRows,
    Table,
    drop_without_vectors,
    read_split,
    sort_rows,
)
from mmrec.data import prefiltering as filters
from mmrec.data import splitting as strategies
from mmrec.data.reading.form import DUPLICATES
from mmrec.data.reading.times import is_date, parse_date
from mmrec.data.rows import runs_of, timestamps_of
from mmrec.errors import DataError
from mmrec.features import Loader
from mmrec.planning.checks import check_features
from mmrec.planning.inputs import table_form
from mmrec.seeding import rng_for

_Part = Literal["test", "validation"]


@dataclass(frozen=True, eq=False)
class SplitFile:
    """The rows of a file after filtering, and how they are split.

    Get one from :meth:`read`.
    """

    table: Table
    """Sorted by user, then item."""
    steps: tuple[FilterStep, ...]
    missing_items: Mapping[str, tuple[str, ...]]
    """By loader: the ids of the file's items that it has no vector for."""
    users_dropped: int
    """The number of users who had such items only."""
    warnings: tuple[str, ...]
    """On the ids of the file and of the features."""
    splitting: Splitting
    random_seed: int

    @classmethod
    def read(cls, experiment: Experiment, loaders: Sequence[Loader]) -> SplitFile:
        """Read and filter the file of an experiment.

        Rows of items without a vector are dropped first, as in Elliot, so that the filters hold
        for the rows that the models are trained on.

        Raises:
            DataError: the file cannot be read, or no row remains.
        """
        data, splitting = experiment.data_config, experiment.splitting
        path = data.dataset_path
        assert path is not None
        assert splitting is not None
        table = read_split(path, header=data.header, timestamps=True, form=table_form(data))
        frame = sort_rows(table.frame)
        steps = []
        if table.n_duplicates:
            step = FilterStep.of(f"duplicate rows ({DUPLICATES[data.duplicates]})", frame, frame)
            steps.append(replace(step, rows=(len(frame) + table.n_duplicates, len(frame))))
        tables = {"": replace(table, frame=frame)}
        warnings = check_features(loaders, tables)
        known = {loader.name: loader.items() for loader in loaders if loader.missing == "drop"}
        left, missing = drop_without_vectors(tables, known)
        lacking = FilterStep.of("items without a vector", frame, left[""])
        if any(missing.values()):
            steps.append(lacking)
        frame = left[""]
        for place, entry in enumerate(experiment.prefiltering):
            before, frame = frame, _filtered(replace(table, frame=frame), entry, place)
            steps.append(FilterStep.of(_name(entry), before, frame))
            if frame.empty:
                counts = "; ".join(map(str, steps))
                raise DataError(f"{path}: prefiltering[{place}] leaves no row: {counts}")
        table = replace(table, frame=frame.reset_index(drop=True), n_duplicates=0)
        return cls(
            table=table,
            steps=tuple(steps),
            missing_items=missing,
            users_dropped=lacking.users[0] - lacking.users[1],
            warnings=warnings,
            splitting=splitting,
            random_seed=experiment.random_seed,
        )

    def tables(self, fold: FoldRows) -> dict[str, Table]:
        """Return the splits of a fold as tables of this file."""
        return {name: replace(self.table, frame=rows) for name, rows in fold.splits.items()}

    def add_to_report(self, dataset: Dataset, notes: tuple[str, ...]) -> Dataset:
        """Return a data set whose report includes what was filtered before the split.

        Args:
            dataset: of a fold of this file.
            notes: how the fold was split.
        """
        report = replace(
            dataset.report,
            missing_items=self.missing_items,
            items_dropped=len(set().union(*self.missing_items.values())),
            users_dropped=self.users_dropped,
            steps=self.steps,
            notes=notes,
        )
        return replace(dataset, report=report)

    def saved(self) -> Iterator[tuple[str, str]]:
        """Yield the files of all folds as :func:`mmrec.data.find_folds` finds them.

        Raises:
            DataError: see :meth:`folds`.
        """
        for fold in self.folds():
            yield from fold.files(has_ratings=self.table.has_ratings)

    def folds(self) -> Iterator[FoldRows]:
        """Yield the folds: for each test fold, its validation folds.

        Raises:
            DataError: a split is empty, or the file does not have the timestamps that are needed.
        """
        inner = self.splitting.validation_splitting
        outer = self._parts(self.table.frame, "test", self.splitting.test_splitting)
        for test_fold, (rest, test, note) in enumerate(outer):
            if inner is None:
                yield FoldRows(test_fold, 0, {"train": rest, "test": test}, note)
                continue
            parts = self._parts(rest, "validation", inner, test_fold)
            for validation_fold, (train, validation, other_note) in enumerate(parts):
                splits = {"train": train, "validation": validation, "test": test}
                yield FoldRows(test_fold, validation_fold, splits, note + other_note)

    def _parts(
        self, frame: pd.DataFrame, part: _Part, split: Split, *fold: int
    ) -> Iterator[tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]]:
        """Yield the rows that remain, the rows that are held out, and notes on the split."""
        name = f"splitting.{part}_splitting"
        masks, note = self._masks(frame, part, split, *fold)
        for number, mask in enumerate(masks):
            parts = [frame[chosen].reset_index(drop=True) for chosen in (~mask, mask)]
            for rows, of in zip(parts, ("left over", f"left for {part}"), strict=True):
                if rows.empty:
                    which = f" in fold {number}" if len(masks) > 1 else ""
                    raise DataError(
                        f"{self.table.path}: {name} ({split.strategy}): no row is {of}{which}, of "
                        f"{len(frame)} rows"
                    )
            yield parts[0], parts[1], note

    def _masks(
        self, frame: pd.DataFrame, part: _Part, split: Split, *fold: int
    ) -> tuple[list[BoolArray], tuple[str, ...]]:
        users = runs_of(frame)
        name = f"splitting.{part}_splitting ({split.strategy})"
        if split.strategy in ("random_subsampling", "random_cross_validation"):
            rng = rng_for(self.random_seed, "splitting", part, *fold)
            if split.strategy == "random_cross_validation":
                return strategies.random_cross_validation(users, rng, folds=split.n_folds), ()
            return strategies.random_subsampling(
                users,
                rng,
                folds=split.n_folds,
                test_ratio=split.test_ratio,
                leave_n_out=split.leave_n_out,
            ), ()
        times = timestamps_of(replace(self.table, frame=frame), name)
        if split.strategy == "temporal_hold_out":
            return strategies.temporal_hold_out(
                users, times, test_ratio=split.test_ratio, leave_n_out=split.leave_n_out
            ), ()
        has_dates = is_date(str(frame["timestamp"].iloc[0]))
        if split.timestamp != "best":
            limit = self._limit(split, name, has_dates=has_dates)
            return strategies.fixed_timestamp(times, limit), ()
        try:
            best = strategies.best_timestamp(
                users, times, min_below=split.min_below or 1, min_over=split.min_over or 1
            )
        except DataError as error:
            raise DataError(f"{self.table.path}: {name}: {error}") from None
        shown = pd.Timestamp(best, unit="ns").isoformat() if has_dates else best
        return strategies.fixed_timestamp(times, best), (f"{name}: the best timestamp is {shown}",)

    def _limit(self, split: Split, name: str, *, has_dates: bool) -> int | float:
        """Return the timestamp of the experiment, which must be of the kind of the file's."""
        limit = split.timestamp
        assert limit is not None
        if isinstance(limit, str) != has_dates:
            found, wanted = ("dates", "a date") if has_dates else ("numbers", "a number")
            raise DataError(
                f"{self.table.path}: {name}: the timestamps are {found}, and the timestamp of "
                f"the experiment is {limit!r}; write {wanted}"
            )
        return parse_date(limit) if isinstance(limit, str) else limit


def _name(entry: Prefilter) -> str:
    settings = entry.model_dump(exclude={"strategy"}, exclude_none=True)
    text = ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in settings.items()
    )
    return f"{entry.strategy} ({text})" if text else entry.strategy


def _filtered(table: Table, entry: Prefilter, place: int) -> pd.DataFrame:
    frame, threshold = table.frame, entry.threshold
    core, rounds = entry.core or 0, entry.rounds or 0  # a strategy that uses one has it
    if entry.strategy in ("global_threshold", "user_average") and not table.has_ratings:
        raise DataError(
            f"{table.path}: prefiltering[{place}] ({entry.strategy}) needs ratings, but the "
            "file has none"
        )
    match entry.strategy:
        case "global_threshold":
            assert threshold is not None
            return filters.global_threshold(frame, threshold)
        case "user_average":
            return filters.user_average(frame)
        case "user_k_core":
            return filters.user_k_core(frame, core)
        case "item_k_core":
            return filters.item_k_core(frame, core)
        case "iterative_k_core":
            return filters.iterative_k_core(frame, core)
        case "n_rounds_k_core":
            return filters.n_rounds_k_core(frame, core, rounds)
        case "cold_users":
            assert isinstance(threshold, float)
            return filters.cold_users(frame, int(threshold))
