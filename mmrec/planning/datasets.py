"""The data sets of an experiment, one for each fold: first the splits, then the features."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from mmrec.data import (
    Dataset,
    Features,
    FoldFiles,
    Table,
    TableForm,
    Vocabulary,
    align,
    drop_without_vectors,
    read_labelled,
    read_split,
)
from mmrec.errors import DataError
from mmrec.features import Loader, absent_items, load_features
from mmrec.files import write_folder
from mmrec.planning.checks import check_features, check_held_out
from mmrec.planning.cold import check_cold_items, items_with_vectors
from mmrec.planning.inputs import table_form
from mmrec.planning.one_file import SplitFile
from mmrec.planning.plan import Plan


def load_datasets(plan: Plan, *, save: bool = False) -> tuple[Dataset, ...]:
    """Read the splits and the features of every fold.

    Args:
        plan: the experiment.
        save: write the folds if the experiment has ``save_on_disk``.

    Raises:
        DataError: a file is malformed, the splits and the features have no item in common, or the
            folds cannot be written.
    """
    return add_features(load_splits(plan, save=save), plan.loaders)


def load_splits(plan: Plan, *, save: bool = False) -> tuple[Dataset, ...]:
    """Read the splits of every fold, with the items that have the features they need.

    No feature vector is read.

    Args:
        plan: the experiment.
        save: as for :func:`load_datasets`.

    Raises:
        DataError: as from :func:`load_datasets`.
    """
    required = _required_items(plan)
    if plan.experiment.data_config.strategy != "dataset":
        return tuple(
            _align(plan, files.name, tables, required, check_features(plan.loaders, tables))
            for files, tables in zip(plan.folds, _ready_splits(plan), strict=True)
        )
    file = SplitFile.read(plan.experiment, plan.loaders)
    datasets = tuple(
        file.add_to_report(
            _align(plan, files.name, file.tables(rows), required, file.warnings), rows.notes
        )
        for files, rows in zip(plan.folds, file.folds(), strict=True)
    )
    if save and file.splitting.save_on_disk:
        assert file.splitting.save_folder is not None
        write_folder(file.splitting.save_folder, file.saved())
    return datasets


def tables_of_folds(plan: Plan) -> Iterator[tuple[dict[str, Table], tuple[str, ...]]]:
    """Yield the tables of each fold, without the rows of items that lack features they need.

    They have the rows that :func:`load_splits` numbers, and those of unknown users. Warnings on the
    ids of the features are yielded with them.

    Raises:
        DataError: as from :func:`load_datasets`.
    """
    if plan.experiment.data_config.strategy == "dataset":
        file = SplitFile.read(plan.experiment, plan.loaders)
        yield from ((file.tables(rows), file.warnings) for rows in file.folds())
        return
    required = _required_items(plan)
    for tables in _ready_splits(plan):
        warnings = check_features(plan.loaders, tables)
        frames, _ = drop_without_vectors(tables, required)
        kept = {name: replace(table, frame=frames[name]) for name, table in tables.items()}
        yield kept, warnings


def _required_items(plan: Plan) -> dict[str, Collection[str]]:
    """Return the items with a vector, by each loader whose other items are dropped."""
    return {loader.name: loader.items() for loader in plan.loaders if loader.missing == "drop"}


def add_features(datasets: Sequence[Dataset], loaders: Sequence[Loader]) -> tuple[Dataset, ...]:
    """Return the data sets with the vectors of their items, cold items included.

    Folds with the same items share one matrix for each loader.

    Raises:
        DataError: a file of features is malformed.
    """
    loaded: dict[tuple[str, ...], Mapping[str, Features]] = {}

    def features_of(items: Vocabulary) -> Mapping[str, Features]:
        ids = tuple(items.ids)
        if ids not in loaded:
            loaded[ids] = MappingProxyType(dict(load_features(loaders, ids)))
        return loaded[ids]

    def complete(dataset: Dataset) -> Dataset:
        features, cold = features_of(dataset.items), dataset.cold_items
        if cold is not None:
            cold = replace(cold, features=features_of(cold.items))
        return replace(dataset, features=features, cold_items=cold)

    return tuple(map(complete, datasets))


def feature_widths(plan: Plan, dataset: Dataset) -> dict[str, int]:
    """Return the length of an item's vector for each loader; one vector of each is read.

    Raises:
        DataError: a loader has no vector of any item, or the vector cannot be read.
    """
    return {loader.name: _width(loader, dataset.items.ids) for loader in plan.loaders}


def _width(loader: Loader, item_ids: Sequence[str]) -> int:
    known = loader.items()
    with_vector = next((item_id for item_id in item_ids if item_id in known), None)
    if with_vector is None:
        raise DataError(f"{loader.path}: {loader.name} has no vector of any item of the splits")
    vector = load_features([loader], [with_vector])[loader.name]
    return int(vector.shape[1])


def _ready_splits(plan: Plan) -> Iterator[Mapping[str, Table]]:
    """Yield the tables of each fold that the files already contain."""
    data = plan.experiment.data_config
    form = table_form(data)
    if data.dataset_path is not None:
        tables = read_labelled(data.dataset_path, header=data.header, form=form)
        if plan.experiment.evaluation.require_validation and "validation" not in tables:
            raise DataError(
                f"{data.dataset_path}: no row of the validation split, which require_validation "
                "asks for"
            )
        yield tables
        return
    tables = {}
    for files in plan.folds:
        tables = _read_splits(files, tables, header=data.header, form=form)
        yield tables


def _read_splits(
    files: FoldFiles, earlier: Mapping[str, Table], *, header: bool | None, form: TableForm
) -> dict[str, Table]:
    """Read the splits of a fold; a file that the fold before it has is not read again."""
    known = {table.path: table for table in earlier.values()}
    return {
        split: known.get(path) or read_split(path, header=header, form=form)
        for split, path in files.paths.items()
    }


def _align(
    plan: Plan,
    fold: str,
    tables: Mapping[str, Table],
    required: Mapping[str, Collection[str]],
    warnings: Sequence[str],
) -> Dataset:
    """Filter and number the splits of a fold."""
    try:
        ranked = items_with_vectors(plan.experiment.evaluation, plan.loaders)
        aligned = align(tables, required, binarize=plan.experiment.binarize, ranked=ranked)
        check_cold_items(plan, aligned)
        unrankable = check_held_out(plan, aligned, tables)
    except DataError as error:
        raise DataError(f"{error} (fold {fold})" if fold else str(error)) from error
    filled = {loader.name: absent_items(loader, aligned.items.ids) for loader in plan.loaders}
    warnings = (*warnings, *aligned.report.warnings, *unrankable)
    return Dataset(
        name=plan.experiment.dataset,
        users=aligned.users,
        items=aligned.items,
        train=aligned.splits["train"],
        validation=aligned.splits.get("validation"),
        test=aligned.splits["test"],
        report=replace(aligned.report, filled_items=filled, warnings=warnings),
        fold=fold,
        cold_items=aligned.cold_items,
    )
