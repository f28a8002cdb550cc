"""The weights of a trial as a file, with the version of the code that trained them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mmrec.config import Experiment
from mmrec.errors import DataError, TrialError, listing
from mmrec.files import parse_json, path_errors
from mmrec.planning.plan import Plan
from mmrec.runs.environment import code_digest, source_versions, versions_of
from mmrec.runs.kept_files import write_beside
from mmrec.runs.records import TrialRecord
from mmrec.runs.sealed import KEY, SealError, sealed, unsealed
from mmrec.runs.study import Study
from mmrec.training.digests import digest_of_state

logger = logging.getLogger(__name__)

_OWN = "mmrec"
"""The key of the metadata, and of mmrec's own version among those of the sources."""


@dataclass(frozen=True, eq=False)
class Weights:
    """The best state of a model."""

    state: dict[str, Tensor]
    epoch: int
    code: Mapping[str, str]
    """The versions of the sources that trained it, by name."""
    trial_id: str | None = None
    """Of the trial that trained it; None if the file does not say."""


def weights_path(experiment: Experiment, record: TrialRecord) -> Path:
    """Return the file of the weights of a trial.

    Its name contains the digest of the code, so that a model that is edited does not replace the
    weights of earlier runs; earlier versions wrote names without it.
    """
    name = record.weights_file or f"best-weights-{record.name}.safetensors"
    return experiment.path_output_rec_weight / record.name / name


def save_weights(
    experiment: Experiment,
    record: TrialRecord,
    state: Mapping[str, Tensor],
    code: Mapping[str, str],
) -> TrialRecord:
    """Write a model's best state as safetensors, with facts of the trial as metadata.

    Args:
        experiment: has the folder.
        record: the trial.
        state: of the model.
        code: the versions of the sources that trained it, by name.

    Returns:
        The record with the name of the file.

    Raises:
        WriteError: the file cannot be written.
    """
    facts = {
        "trial_id": record.trial_id,
        "best_epoch": record.best_epoch,
        "parameters": record.parameters,
        "code": dict(code),
        "weights_sha256": digest_of_state(state),
    }
    # One key alone: safetensors writes several in an order that changes from file to file.
    content = save(
        {name: tensor.contiguous() for name, tensor in state.items()},
        metadata={_OWN: json.dumps(sealed(facts))},
    )
    folder = experiment.path_output_rec_weight / record.name
    path = write_beside(folder / _weights_name(record.name, code), content)
    return replace(record, weights_file=path.name)


def _weights_name(trial: str, code: Mapping[str, str]) -> str:
    return f"best-weights-{trial}_code={code_digest(code)}.safetensors"


def find_weights(experiment: Experiment, model: str, name: str) -> Path:
    """Return the file of a trial's weights for the code as it is now.

    It is the one that this code has written, else the only one of another version of mmrec.

    Args:
        experiment: has the folder of the weights and the external models.
        model: key of the model in the experiment file.
        name: of the trial.

    Raises:
        TrialError: there is no such file, or there are several of this code or of other versions.
    """
    folder = experiment.path_output_rec_weight / name
    own = folder / _weights_name(name, _code(experiment, model))
    try:
        with path_errors(folder):
            kept = sorted(folder.iterdir()) if folder.is_dir() else []
            found = [x for x in kept if x.match("best-weights-*.safetensors") and x.is_file()]
    except DataError as error:
        raise TrialError(str(error)) from error
    found = [x for x in found if x.stem.startswith(own.stem)] or found
    if not found:
        raise TrialError(f"no weights at {own}; train the trial once with save_weights: True")
    if len(found) > 1:  # the external models that trained one of them may be those of now
        fitting = [path for path in found if not _changed(experiment, model, read_weights(path))]
        found = fitting or found[:1]
    if len(found) > 1:
        raise TrialError(
            f"{folder} has several weights, of other versions of mmrec or other environments: "
            f"{listing(path.name for path in found)}; remove all but those to restore"
        )
    return found[0]


def load_weights(experiment: Experiment, model: str, path: Path, trial_id: str) -> Weights:
    """Read the weights of a trial that are to be used with the code as it is now.

    Args:
        experiment: has the external models.
        model: key of the model in the experiment file.
        path: of the file.
        trial_id: of the trial.

    Raises:
        TrialError: the file is damaged or has the weights of another trial, or the external models
            have changed.
    """
    weights = read_weights(path)
    if weights.trial_id not in (None, trial_id):
        raise TrialError(f"{path} has the weights of the trial {weights.trial_id}, not {trial_id}")
    changed = _changed(experiment, model, weights)
    if changed:
        raise TrialError(
            f"{path} was trained with other external models ({listing(changed)}); train the trial "
            "again, or use the files that trained it"
        )
    return weights


def _changed(experiment: Experiment, model: str, weights: Weights) -> list[str]:
    """Return the external models that have changed since they trained some weights."""
    now = _code(experiment, model)
    sources = dict.fromkeys(name for name in [*weights.code, *now] if name != _OWN)
    changed = [name for name in sources if weights.code.get(name) != now.get(name)]
    return changed if weights.code else []


def read_weights(path: Path) -> Weights:
    """Read a file of weights, whatever code trained them.

    Raises:
        TrialError: the file is damaged.
    """
    with _opened(path) as file:
        facts = _facts(file)
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if "weights_sha256" not in facts:
            logger.warning("%s has no digest, so damage to it cannot be noticed", path)
        elif facts["weights_sha256"] != digest_of_state(state):
            raise SealError("its weights do not have their digest")
    return Weights(state, facts.get("best_epoch", 0), facts.get("code", {}), facts.get("trial_id"))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, ValueError) as error:
        raise TrialError(f"{path} cannot be read as weights: {error}") from error


def _facts(file: Any) -> dict[str, Any]:  # noqa: ANN401 - the handle of safetensors has no type
    content = parse_json((file.metadata() or {}).get(_OWN, "{}"))
    facts = unsealed(content, required=False)
    if "weights_sha256" in facts and KEY not in content:
        raise SealError("it has no digest")
    return facts


def restored_notes(plan: Plan, studies: Sequence[Study]) -> Iterator[str]:
    """Yield a warning for each model that was restored from weights of another version."""
    now = source_versions(None)[_OWN]
    for study in studies:
        if not study.settings.meta.restore:
            continue
        restored = [record.name for record in study.records if record.weights_sha256]
        key = study.settings.key
        versions = {_version_of(find_weights(plan.experiment, key, name)) for name in restored}
        others = sorted(versions - {now})
        if others:
            yield (
                f"{study.name}: the restored weights were trained by mmrec {listing(others)}; this "
                f"is {now}, so the figures may differ from those of the training"
            )


def _version_of(path: Path) -> str:
    """Return the version of mmrec that trained a file of weights."""
    with _opened(path) as file:
        version: str = _facts(file).get("code", {}).get(_OWN, "of an unknown version")
    return version


def _code(experiment: Experiment, model: str) -> dict[str, str]:
    """Return the versions of the sources of a model."""
    return versions_of(source_versions(experiment.external_models_path), model)
