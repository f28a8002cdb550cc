"""Which runs and trials are the same: what may be resumed, and the ids of trials."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from mmrec.config import Choice, Experiment
from mmrec.data import Dataset
from mmrec.files import parse_json, sha256, sha256_of_file
from mmrec.models import RecommendationFile, RecommendationFileConfig, RecommenderConfig
from mmrec.planning.model_plan import ModelPlan
from mmrec.planning.plan import Plan
from mmrec.runs.environment import source_versions
from mmrec.runs.sealed import sealed, unsealed


@dataclass(frozen=True)
class RunIdentity:
    """What an unfinished run and an experiment must have in common for the run to be resumed."""

    experiment: str
    """Digest of the searches, the evaluation and the data."""
    code: Mapping[str, str]
    """The versions of the sources that the trials depend on, see :func:`source_versions`."""

    @classmethod
    def of(
        cls, plan: Plan, datasets: Sequence[Dataset], code: Mapping[str, str] | None = None
    ) -> RunIdentity:
        """Return the identity of an experiment; it is known before the first trial.

        Args:
            plan: the experiment.
            datasets: what it is run on, fold by fold.
            code: the versions of the sources; by default those of now.
        """
        facts = {
            "models": [_search_facts(plan.experiment, model) for model in plan.models],
            "evaluation": plan.experiment.evaluation.model_dump(mode="json"),
            "metric_files": [
                file.sha256 for metric in plan.complex_metrics for file in metric.files().values()
            ],
            "data": [dataset.fingerprint for dataset in datasets],
        }
        digest = sha256(json.dumps(facts, sort_keys=True, default=str).encode())
        if code is None:
            code = source_versions(plan.experiment.external_models_path)
        return cls(digest, code)

    @classmethod
    def parse(cls, text: str) -> RunIdentity | None:
        """Return what :meth:`to_json` wrote; None if it is damaged."""
        try:
            facts = unsealed(parse_json(text), required=False)
            return cls(str(facts["experiment"]), dict(facts["code"]))
        except (ValueError, KeyError, TypeError):
            return None

    def to_json(self) -> str:
        """Return the identity as JSON."""
        return json.dumps(sealed(asdict(self)))

    def changed_code(self, other: RunIdentity) -> list[str]:
        """Return the names of the sources whose versions differ."""
        names = dict.fromkeys([*self.code, *other.code])
        return [name for name in names if self.code.get(name) != other.code.get(name)]


def trial_id(
    experiment: Experiment, model: ModelPlan, config: RecommenderConfig, fingerprint: str
) -> str:
    """Return the id of a trial, 12 hexadecimal digits.

    Args:
        experiment: the settings of the evaluation.
        model: what is trained, and how its best epoch is selected.
        config: the hyper-parameters with the seed.
        fingerprint: of the data set.
    """
    selection = _selection_facts(experiment, model)
    if isinstance(config, RecommendationFileConfig):
        selection["file"] = sha256_of_file(config.file)
    facts = [model.key, config.model_dump(mode="json"), selection, fingerprint]
    return sha256(json.dumps(facts, sort_keys=True).encode())[:12]


def _search_facts(experiment: Experiment, model: ModelPlan) -> dict[str, Any]:
    fields_of_config = model.recommender.Config.model_fields.items()
    facts: dict[str, Any] = {
        "key": model.key,
        "name": model.name,
        "constants": dict(model.space.constants),
        "dimensions": [
            (name, axis.options if isinstance(axis, Choice) else str(axis))
            for name, axis in model.space.dimensions.items()
        ],
        "defaults": {name: _plain(f.default) for name, f in fields_of_config},
        "algorithm": model.meta.hyper_opt_alg,
        "n_points": model.n_points,
        "seeds": model.seeds,
        "restore": model.meta.restore,
        "selection": _selection_facts(experiment, model),
    }
    if model.is_drawn:
        facts["random_seed"] = model.random_seed
    if model.points is None or model.meta.pruner != "none":
        facts["batch"] = model.meta.hyper_batch
    if model.points is None:  # another version may propose other points
        facts["optuna"] = version("optuna")
    if model.recommender is RecommendationFile:
        facts["file"] = sha256_of_file(Path(model.space.constants["file"]))
    return facts


def _plain(value: object) -> Any:  # noqa: ANN401
    return to_jsonable_python(value, fallback=lambda other: type(other).__name__)


def _selection_facts(experiment: Experiment, model: ModelPlan) -> dict[str, Any]:
    """Return what the best epoch of a trial depends on besides its hyper-parameters."""
    stopping = model.early_stopping
    facts: dict[str, Any] = {
        "validation_rate": model.meta.validation_rate,
        "select_by": model.select_by,
        "early_stopping": stopping and stopping.model_dump(mode="json"),
        "top_k": experiment.top_k,
    }
    if experiment.evaluation.relevance_threshold:
        facts["relevance_threshold"] = experiment.evaluation.relevance_threshold
    if model.meta.pruner != "none":
        facts["pruner"] = model.meta.pruner
    return facts
