"""The data sets of an experiment, one for each fold: splits and features, brought together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from mmrec.data import Dataset, FilterReport, Table, align, read_labelled, read_split
from mmrec.errors import DataError
from mmrec.features import Loader, absent_items, load_features
from mmrec.files import write_folder
from mmrec.planning.one_file import SplitFile
from mmrec.planning.plan import Plan

_Tables = Mapping[str, Table]


def load_datasets(
    plan: Plan, *, save: bool = False, with_features: bool = True
) -> tuple[Dataset, ...]:
    """Read the splits of every fold and the features, and bring them together.

    Args:
        plan: the experiment.
        save: write the folds, if the experiment asks for it.
        with_features: read the vectors too; the items that have one are known without.

    Raises:
        DataError: a file is malformed, the splits and the features share nothing, or the folds
            cannot be written.
    """
    known = {loader.name: loader.items() for loader in plan.loaders if loader.missing == "drop"}
    file = None
    if plan.experiment.data_config.strategy == "dataset":
        file = SplitFile.read(plan.experiment, known)
    datasets: list[Dataset] = []
    for fold, (tables, notes) in zip(plan.folds, _tables(plan, file), strict=True):
        try:
            dataset = _load(plan, known, tables, datasets, with_features=with_features)
        except DataError as error:
            raise DataError(f"{error} (fold {fold.name})" if fold.name else str(error)) from error
        report = _completed(dataset.report, file, notes)
        datasets.append(replace(dataset, fold=fold.name, report=report))
    if save and file is not None and file.splitting.save_on_disk:
        assert file.splitting.save_folder is not None
        write_folder(file.splitting.save_folder, file.saved())
    return tuple(datasets)


def feature_widths(plan: Plan, dataset: Dataset) -> dict[str, int]:
    """Return the number of values of an item for each loader; one vector of each is read.

    Raises:
        DataError: a loader has no vector of any item, or it cannot be read.
    """
    return {loader.name: _width(loader, dataset.items.ids) for loader in plan.loaders}


def _width(loader: Loader, item_ids: Sequence[str]) -> int:
    known = loader.items()
    with_vector = next((item_id for item_id in item_ids if item_id in known), None)
    if with_vector is None:
        raise DataError(f"{loader.path}: {loader.name} has no vector of any item of the splits")
    vector = load_features([loader], [with_vector])[loader.name]
    return int(vector.shape[1])


def _tables(plan: Plan, file: SplitFile | None) -> Iterator[tuple[_Tables, tuple[str, ...]]]:
    """Yield the splits of each fold, and what there is to tell of how they were made."""
    if file is not None:
        for fold in file.folds():
            tables = {name: replace(file.table, frame=rows) for name, rows in fold.splits.items()}
            yield tables, fold.notes
        return
    data = plan.experiment.data_config
    if data.dataset_path is not None:
        tables = read_labelled(data.dataset_path, header=data.header)
        if plan.experiment.evaluation.require_validation and "validation" not in tables:
            raise DataError(f"{data.dataset_path}: no row is for validation (require_validation)")
        yield tables, ()
        return
    last: _Tables = {}
    for files in plan.folds:
        by_path = {table.path: table for table in last.values()}  # folds may share a test split
        last = {
            split: by_path.get(path) or read_split(path, header=data.header)
            for split, path in files.paths.items()
        }
        yield last, ()


def _load(
    plan: Plan,
    known_items: Mapping[str, Collection[str]],
    tables: _Tables,
    earlier: Sequence[Dataset],
    *,
    with_features: bool,
) -> Dataset:
    aligned = align(tables, known_items, binarize=plan.experiment.binarize)
    items = aligned.items.ids
    filled = {loader.name: absent_items(loader, items) for loader in plan.loaders}
    features = next((other.features for other in earlier if other.items.ids == items), None)
    if features is None:
        loaders = plan.loaders if with_features else ()
        features = MappingProxyType(dict(load_features(loaders, items)))
    return Dataset(
        name=plan.experiment.dataset,
        users=aligned.users,
        items=aligned.items,
        train=aligned.splits["train"],
        validation=aligned.splits.get("validation"),
        test=aligned.splits["test"],
        features=features,
        report=replace(aligned.report, filled_items=filled),
    )


def _completed(
    report: FilterReport, file: SplitFile | None, notes: tuple[str, ...]
) -> FilterReport:
    """Add what had left the one file before it was split."""
    if file is None:
        return report
    return replace(
        report,
        missing_items=file.missing_items,
        items_dropped=len(set().union(*file.missing_items.values())),
        users_dropped=file.users_dropped,
        steps=file.steps,
        notes=notes,
    )
