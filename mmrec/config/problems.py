"""Collect all problems of an experiment, to report them together."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mmrec.config.describe import Slot, found
from mmrec.config.document import Document, KeyPath, Problem
from mmrec.errors import ConfigError, listing, nearest


class Problems:
    """The problems of one document, in the order of its lines, without duplicates."""

    def __init__(self, document: Document) -> None:
        self._document = document
        # A dict as an ordered set: many points of a grid share one problem.
        self._found: dict[Problem, None] = dict.fromkeys(document.problems)

    def add(self, path: Sequence[str | int], message: str) -> None:
        """Add a problem of the value at ``path``."""
        self._found[self._document.problem(path, message)] = None

    def add_validation_error(
        self, prefix_path: Sequence[str | int], error: ValidationError, model_class: type[BaseModel]
    ) -> None:
        """Add every error of pydantic's validation of ``model_class`` at a path."""
        refused: dict[KeyPath, tuple[Any, Slot, list[str]]] = {}
        explained: set[KeyPath] = set()
        located = [
            (details, *self._locate(tuple(prefix_path), details, model_class))
            for details in error.errors(include_url=False)
        ]
        misspelt = {
            (*path[:-1], meant)
            for details, path, owner, _ in located
            if details["type"] == _UNKNOWN_KEY
            for meant in _known(owner)
            if repr(meant) in nearest(str(path[-1]), _known(owner))
        }
        for details, path, owner, slot in located:
            if _counts_valid_entries(details):
                continue
            if details["type"] == "missing" and path in misspelt:
                continue  # present under a misspelt name
            if details["type"] == _UNKNOWN_KEY:
                key, value = str(details["loc"][-1]), details["input"]
                self.add(path, _unknown(key, value, owner, Slot(model_class)))
            elif details["type"] == "missing" and isinstance(details["loc"][-1], int):
                # A tuple of fixed length is too short: the problem is the tuple's.
                refused[path] = (details["input"], owner, [owner.accepts()])
            elif details["type"] == "missing":
                about = f" ({slot.description.rstrip('.')})" if slot.description else ""
                self.add(path, f"required key is missing{about}; accepted: {slot.accepts()}")
            elif details["type"] in ("value_error", "assertion_error"):
                self.add(path, str(details["ctx"]["error"]))
                explained.add(path)
            else:
                _, _, accepted = refused.setdefault(path, (details["input"], slot, []))
                accepted.append(_accepted(slot, details))
        # A union has one error for each branch; together they list what is accepted.
        for path, (value, slot, accepted) in refused.items():
            wanted = " or ".join(dict.fromkeys(accepted))
            if path not in explained:  # by the branch of a union that fits the type
                self.add(path, f"found {found(value)}{_hint(value, slot)}; accepted: {wanted}")

    def raise_if_any(self, unchecked: str = "") -> None:
        """Raise all problems as one error.

        Args:
            unchecked: what has not been checked because of the problems; empty if nothing.

        Raises:
            ConfigError: there is a problem; the message has one line for each.
        """
        if self._found:
            lines = [*map(self._document.describe, self)]
            if unchecked:
                lines.append(f"more problems may follow: not yet checked: {unchecked}")
            raise ConfigError("\n".join(lines))

    def __iter__(self) -> Iterator[Problem]:
        return iter(sorted(self._found, key=lambda problem: problem.line or 0))

    def __len__(self) -> int:
        return len(self._found)

    def _locate(
        self, prefix: KeyPath, details: ErrorDetails, model_class: type[BaseModel]
    ) -> tuple[KeyPath, Slot, Slot]:
        """Follow pydantic's location; return the path in the file, the slots of model and value.

        The location also contains the branches of unions, and the index of a single entry that
        was written without brackets; neither is in the file.
        """
        value = self._document.data
        for part in prefix:
            value = _entry(value, part)
        path, owner, slot = prefix, Slot(model_class), Slot(model_class)
        for position, part in enumerate(details["loc"], start=1):
            inner, inner_slot = _entry(value, part), slot.child(part)
            unknown_key = details["type"] == _UNKNOWN_KEY and position == len(details["loc"])
            if inner is _ABSENT and inner_slot is None and not unknown_key:
                continue
            owner, slot = slot, inner_slot or Slot(Any)
            if isinstance(part, str) or inner is not _ABSENT:
                path, value = (*path, part), inner
        return path, owner, slot


_ABSENT = object()
_UNKNOWN_KEY = "extra_forbidden"


def _entry(value: object, key: str | int) -> object:
    if isinstance(value, Mapping):
        return value.get(key, _ABSENT)
    if isinstance(value, list | tuple) and isinstance(key, int) and key < len(value):
        return value[key]
    return _ABSENT


def _counts_valid_entries(details: ErrorDetails) -> bool:
    """Return whether a list is too short only because its invalid entries do not count."""
    context = details.get("ctx", {})
    return details["type"] == "too_short" and len(details["input"]) >= context["min_length"]


def _known(owner: Slot) -> list[str]:
    model = owner.model()
    return list(model.model_fields) if model else []


def _unknown(key: str, value: object, owner: Slot, root: Slot) -> str:
    """Return why a key is refused: it is unknown, belongs elsewhere or is not supported."""
    known = _known(owner)
    unsupported: Mapping[str, str] = getattr(owner.model(), "unsupported", {})
    if key in unsupported:
        return unsupported[key]
    place = _section_of(key, root)
    is_misspelt = bool(difflib.get_close_matches(key, known, n=1, cutoff=0.85))
    if place is not None and not is_misspelt:
        return f"unknown key here; it belongs to {place}"
    names = [*known, *unsupported]
    suggestion = nearest(_name_here(key, names), names)
    reasons = [why for name, why in unsupported.items() if repr(name) in suggestion]
    if "models" in known and isinstance(value, Mapping | None) and not suggestion:
        reasons = ["a model belongs below 'models'"]
    accepted = f"accepted: {listing(known, limit=len(known))}"
    return "; ".join([f"unknown key{suggestion}", *reasons, accepted])


def _name_here(key: str, names: Sequence[str]) -> str:
    """Return the one of ``names`` that other tools call ``key``; without one, ``key``."""
    return next((name for name in _OTHER_NAMES.get(key, ()) if name in names), key)


_OTHER_NAMES: Mapping[str, Sequence[str]] = {
    "cf_model": ["cf"],
    "dropout": ["drop"],
    "embed_k": ["factors"],
    "embedding_size": ["factors"],
    "eval_step": ["validation_rate"],
    "feat_embed_dim": ["factors_multimod", "multimod_factors"],
    "knn_k": ["top_k", "neighbors"],
    "lambda_coeff": ["l_m"],
    "latent_embedding": ["factors_multimod"],
    "learning_rate": ["lr"],
    "learning_rate_scheduler": ["lr_sched"],
    "mess_dropout": ["dl", "message_dropout"],
    "mm_image_weight": ["mw"],
    "n_mm_layers": ["n_layers"],
    "reg_weight": ["l_w", "l2_norm"],
    "stopping_step": ["patience"],
    "topk": ["cutoffs"],
    "train_batch_size": ["batch_size"],
    "valid_metric": ["validation_metric"],
    "weight_size": ["ws"],
}
"""Keys of the toolbox MMRec, RecBole and old versions of Elliot, with the names they have here: the
first that a section has."""


def _section_of(key: str, slot: Slot, path: str = "") -> str | None:
    """Return the section below ``slot`` with a key, such as ``experiment.evaluation``."""
    if path and key in _known(slot):
        return path
    for name in _known(slot):
        child = slot.child(name)
        # Entries of lists are sections without a name.
        if child is not None and child.model() is not None:
            found_in = _section_of(key, child, f"{path}.{name}" if path else name)
            if found_in is not None:
                return found_in
    return None


def _accepted(slot: Slot, details: ErrorDetails) -> str:
    context = details.get("ctx", {})
    if slot.allows():
        return details["msg"].removeprefix("Input should be ")
    if "pattern" in context:
        return f"{slot.accepts()} that matches {context['pattern']}"
    if "max_length" in context:
        return f"{slot.accepts()}, at most {context['max_length']} long"
    return slot.accepts()


def _hint(value: object, slot: Slot) -> str:
    if isinstance(value, str):
        return nearest(value, slot.choices())
    if slot.allows():
        return ""
    if isinstance(value, int | float) and slot.allows(str):
        return " (put it in quotes)"
    scalar = slot.allows(int, float, bool, str) and not slot.allows(list, tuple)
    if isinstance(value, list) and scalar:
        return " (only hyper-parameters of a model can be searched)"
    return ""
