"""From a fragment of an experiment file to a whole one that can be validated."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from tiny_experiment import SPLITS_AND_FEATURES

from mmrec.config import EarlyStopping, ModelMeta
from mmrec.config.describe import Slot
from mmrec.config.experiment import ExperimentFile
from mmrec.models import LATTICE

BASE: Mapping[str, Any] = {
    "experiment": {
        "dataset": "demo",
        "data_config": SPLITS_AND_FEATURES,
        "top_k": 20,
        "evaluation": {"cutoffs": [10, 20], "simple_metrics": ["Recall", "nDCG"]},
        "models": {},
    }
}


def completed(fragment: Mapping[str, Any]) -> dict[str, Any]:
    """Return a whole experiment that says what a fragment says, at the place where it belongs.

    Raises:
        AssertionError: its keys stand together nowhere in an experiment file.
    """
    whole = deepcopy(dict(BASE))
    path = _place(fragment)
    here = whole
    for key in path:
        here = here.setdefault(key, {})
    if "strategy" in fragment.get("experiment", {}).get("data_config", {}):
        data = whole["experiment"]["data_config"]
        whole["experiment"]["data_config"] = {"side_information": data["side_information"]}
    _merge(here, fragment)
    if not whole["experiment"]["models"]:
        whole["experiment"]["models"] = {"MostPop": {}}
    return whole


def _place(fragment: Mapping[str, Any]) -> tuple[str, ...]:
    root = Slot(ExperimentFile)
    experiment = root.child("experiment")
    assert experiment is not None
    sections = {(): root, ("experiment",): experiment}
    for name in experiment.model().model_fields:
        inner = experiment.child(name)
        if inner is not None and inner.model() is not None:
            sections["experiment", name] = inner
    for path, slot in sections.items():
        if all(slot.child(key) is not None for key in fragment):
            return path
    entry = ("experiment", "models", "LATTICE")
    if fragment.keys() <= {"meta", "early_stopping", *LATTICE.Config.model_fields}:
        return entry
    for name, section in (("meta", ModelMeta), ("early_stopping", EarlyStopping)):
        if fragment.keys() <= section.model_fields.keys():
            return (*entry, name)
    raise AssertionError(f"these keys stand together nowhere in an experiment file: {[*fragment]}")


def _merge(whole: dict[str, Any], fragment: Mapping[str, Any]) -> None:
    for key, value in fragment.items():
        if isinstance(value, Mapping) and isinstance(whole.get(key), dict):
            _merge(whole[key], value)
        else:
            whole[key] = value
