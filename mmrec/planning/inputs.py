"""The files an experiment reads: finding them, and naming what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mmrec.config import DataConfig, Experiment, Problems, SideInformation, path_problem
from mmrec.data import FoldFiles, TableForm, find_folds, name_folds
from mmrec.errors import DataError, listing, nearest
from mmrec.features import LOADERS, FolderLoader, Loader
from mmrec.files import cache_folder
from mmrec.planning.modality_subsets import declared_modalities

_DATA = ("experiment", "data_config")

_UNSUPPORTED = dict.fromkeys(
    (
        *("visual_pca_features", "visual_feat_map_features", "images_src_folder"),
        *("output_image_size", "item_mapping"),
    ),
    "a key of Elliot that mmrec does not support; remove it",
)
"""Keys of Elliot's loaders, with the reason for their refusal."""

_LOADERS_OF_ELLIOT = frozenset(
    (
        *("ChainedKG", "KAHFMLoader", "KGCompletion", "KGFlexLoader", "KGINLoader"),
        *("KGINTSVLoader", "KGRec", "ItemItem", "UserUser", "InteractionsTextualAttributes"),
        *("SentimentInteractionsTextualAttributes", "SentimentInteractionsTextualAttributesUUII"),
        *("TextualAttributeSequence", "WordsTextualAttributes"),
        "WordsTextualAttributesPreprocessed",
    )
)
"""Loaders of Elliot that mmrec does not have: of knowledge graphs, networks, reviews, words."""


def check_files(data: DataConfig, problems: Problems) -> None:
    """Add a problem for every missing file of interactions."""
    for key, path in dict(data.split_paths.values()).items():
        problem = path_problem(path, wants_file=True)
        if problem is not None:
            problems.add((*_DATA, key), problem)


def table_form(data: DataConfig) -> TableForm:
    """Return how the tables of interactions are read."""
    columns = data.columns.as_roles() if data.columns is not None else {}
    return TableForm(columns, data.separator, data.encoding, data.duplicates)


def plan_folds(experiment: Experiment, problems: Problems) -> tuple[FoldFiles, ...]:
    """Return the folds and their files.

    A missing validation split that is required is a problem, and so is a damaged folder of folds.
    """
    data = experiment.data_config
    if data.strategy == "hierarchy":
        assert data.root_folder is not None
        folds = _found_folds(data.root_folder, problems)
    elif data.strategy == "dataset":
        folds = _made_folds(experiment)
    else:
        ready = {split: path for split, (_, path) in data.split_paths.items()}
        folds = (FoldFiles("", ready),)
    validated = all("validation" in fold.paths for fold in folds)
    if experiment.evaluation.require_validation and not validated:
        missing = {
            "fixed": "data_config has no validation_path",
            "dataset": "splitting has no validation_splitting",
            "hierarchy": "the folds have no validation split",
        }
        problems.add(
            ("experiment", "evaluation", "require_validation"),
            f"{missing[data.strategy]}, so epochs and trials would be selected on test",
        )
    return folds


def _found_folds(root: Path, problems: Problems) -> tuple[FoldFiles, ...]:
    problem = path_problem(root)
    if problem is None:
        try:
            return find_folds(root)
        except (DataError, OSError) as error:
            problem = str(error)
    problems.add((*_DATA, "root_folder"), problem)
    return ()


def _made_folds(experiment: Experiment) -> tuple[FoldFiles, ...]:
    """Return the folds that one file is going to be split into."""
    path, splitting = experiment.data_config.dataset_path, experiment.splitting
    assert path is not None
    assert splitting is not None
    inner = splitting.validation_splitting
    parts = ("train", "test") if inner is None else ("train", "validation", "test")
    n_inner = 1 if inner is None else inner.n_folds
    outer = range(splitting.test_splitting.n_folds)
    names = name_folds([(str(test), str(number)) for test in outer for number in range(n_inner)])
    return tuple(FoldFiles(name, dict.fromkeys(parts, path)) for name in names)


def plan_loaders(
    data: DataConfig, problems: Problems, *, use_cache: bool, skip_unknown: bool = False
) -> tuple[Loader, ...]:
    """Return the loaders of ``side_information``; an invalid entry is a problem.

    Args:
        data: the section of the file.
        problems: takes what is wrong.
        use_cache: whether loaders may read packed copies of their files.
        skip_unknown: leave out loaders that are not known, instead of reporting them.
    """
    loaders = []
    cache_dir = cache_folder() if use_cache else None
    for place, entry in enumerate(data.side_information):
        path = (*_DATA, "side_information", place)
        if entry.dataloader not in LOADERS:
            if not skip_unknown:
                problems.add((*path, "dataloader"), _unknown_loader(entry.dataloader))
            continue
        features = _loader_path(entry, path, problems)
        if features is not None:
            kind = LOADERS[entry.dataloader]
            loader = kind(features, missing=entry.missing, cache_dir=cache_dir)
            if isinstance(loader, FolderLoader):
                loader.id_column = entry.id
            loaders.append(loader)
    return tuple(loaders)


def _unknown_loader(name: str) -> str:
    known = f"known: {listing(LOADERS, 20)}"
    if name in _LOADERS_OF_ELLIOT:
        return (
            f"{name} is a loader of Elliot that mmrec does not have; no model of mmrec reads its "
            f"data: remove the entry; {known}"
        )
    return f"unknown loader {name!r}{nearest(name, LOADERS)}; {known}"


def _loader_path(
    entry: SideInformation, path: tuple[str | int, ...], problems: Problems
) -> Path | None:
    wanted = LOADERS[entry.dataloader].path_key
    reads_tables = issubclass(LOADERS[entry.dataloader], FolderLoader)
    known = (wanted, "missing", "id") if reads_tables else (wanted, "missing")
    for option in [*entry.options, *(["id"] if entry.id is not None else [])]:
        if option not in known:
            reason = _UNSUPPORTED.get(option, f"unknown key{nearest(option, known)}")
            problems.add((*path, option), f"{reason}; {entry.dataloader} accepts: {listing(known)}")
    value = entry.options.get(wanted)
    if value is None:
        problems.add(path, f"{entry.dataloader} needs the key {wanted!r}, the path of its features")
    elif not isinstance(value, Path):
        problems.add((*path, wanted), f"found {value!r}; accepted: a path")
    else:
        problem = path_problem(value)
        if problem is None:
            return value
        problems.add((*path, wanted), problem)
    return None


def declared_loaders(data: DataConfig | None) -> list[str] | None:
    """Return the names of the loaders of ``side_information``, in order; None if it is invalid."""
    return None if data is None else [source.dataloader for source in data.side_information]


def missing_loaders(sources: Mapping[str, str], declared: Sequence[str]) -> Iterator[str]:
    """Yield a message for each modality whose loader ``side_information`` does not have.

    A loader that may be a misspelt one of ``declared`` is already reported there.
    """
    usable = ", ".join(declared_modalities(declared))
    instead = f", or write modalities: [{usable}] in the model" if usable else ""
    for modality, loader in sources.items():
        is_reported = nearest(loader, [name for name in declared if name not in LOADERS])
        if loader not in declared and not is_reported:
            like = "" if loader in LOADERS else nearest(loader, declared)
            yield (
                f"modality {modality!r} needs the loader {loader!r}, which side_information does "
                f"not have{like}; it has: {listing(declared) or 'none'}; add it there{instead}"
            )
