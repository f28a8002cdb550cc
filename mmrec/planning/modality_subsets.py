"""``modalities: each_subset``: every choice among the modalities of the data, as a dimension."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from mmrec.config import KeyPath, Problems, found
from mmrec.errors import listing, nearest
from mmrec.features import default_loaders
from mmrec.models import FeaturesConfig, RecommenderConfig

EACH_SUBSET = "each_subset"
"""The word for all subsets of the modalities except the empty one."""

_MODALITIES, _LOADERS = "modalities", "loaders"


def with_subsets(
    entry: Mapping[str, Any],
    config: type[RecommenderConfig],
    declared: Sequence[str] | None,
    problems: Problems,
    path: KeyPath,
) -> Mapping[str, Any] | None:
    """Write out ``each_subset`` in the entry of a multimodal model; leave others as they are.

    Args:
        entry: the settings as written.
        config: what reads them.
        declared: the loaders of ``side_information``, in order; None if they are not known.
        problems: takes what is wrong.
        path: of the entry in the file.

    Returns:
        The entry with a list of tuples, smaller ones first. After a problem the other keys can
        still be checked, with all modalities of the data; None if the data have none.
    """
    word = _word(entry.get(_MODALITIES)) if issubclass(config, FeaturesConfig) else ""
    if word != EACH_SUBSET and not (_LOADERS not in entry and _is_misspelling(word)):
        return entry
    there = declared_modalities(declared or ())
    message = _problem(entry, declared, there)
    if message is None and declared is not None:
        return {**entry, _MODALITIES: subsets(there)}
    if message is not None:
        problems.add((*path, _MODALITIES), message)
    rest = {key: value for key, value in entry.items() if key not in (_MODALITIES, _LOADERS)}
    if there:
        return {**rest, _MODALITIES: there}
    return rest if declared is None else None


def declared_modalities(declared: Iterable[str]) -> tuple[str, ...]:
    """Return the modalities whose default loaders are among ``declared``, in its order."""
    by_loader = {loader: modality for modality, loader in default_loaders().items()}
    return tuple(dict.fromkeys(by_loader[name] for name in declared if name in by_loader))


def subsets(modalities: Sequence[str]) -> list[tuple[str, ...]]:
    """Return all subsets but the empty one, by their size and then by their order.

    >>> subsets(["visual", "textual"])
    [('visual',), ('textual',), ('visual', 'textual')]
    """
    sizes = range(1, len(modalities) + 1)
    return [subset for size in sizes for subset in combinations(modalities, size)]


def _problem(
    entry: Mapping[str, Any], declared: Sequence[str] | None, there: Sequence[str]
) -> str | None:
    written = entry[_MODALITIES]
    if written not in (EACH_SUBSET, [EACH_SUBSET], (EACH_SUBSET,)):
        return (
            f"found {found(written)}{nearest(_word(written), [EACH_SUBSET])}; "
            f"accepted: {EACH_SUBSET}, a list such as [visual, textual], or several lists"
        )
    if _LOADERS in entry:
        return (
            f"{EACH_SUBSET} takes the default loader of every modality and cannot be combined with "
            f"loaders; accepted: {EACH_SUBSET} without loaders, or tuples as long as loaders, such "
            "as [[visual, textual], [visual, audio]]"
        )
    if declared is not None and not there:
        return (
            f"{EACH_SUBSET} finds no modality: side_information has none of the loaders "
            f"{listing(default_loaders().values())}; it has: {listing(declared) or 'none'}"
        )
    return None


def _word(value: object) -> str:
    """Return the one word that was written, up to a bracket; empty if it is something else."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    return value.partition("(")[0].strip() if isinstance(value, str) else ""


def _is_misspelling(word: str) -> bool:
    return EACH_SUBSET in nearest(word, [EACH_SUBSET, *default_loaders()])
