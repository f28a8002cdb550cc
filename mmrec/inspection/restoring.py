"""The recommendations of a finished trial, from its weights or from its lists."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import torch

from mmrec.config import Experiment
from mmrec.data import Dataset
from mmrec.errors import DataError, ModelError, TrialError
from mmrec.evaluation import ranking_from_frame, read_recommendations
from mmrec.evaluation.ranking import BLOCK
from mmrec.files import is_file, sha256_of_file
from mmrec.graph import top_k as best_columns
from mmrec.models import Model, RecommendationFile, Recommender, RecommenderConfig
from mmrec.runs.lists import lists_path
from mmrec.runs.records import TrialRecord
from mmrec.runs.weights import find_weights, load_weights, weights_path
from mmrec.training.build import build
from mmrec.training.determinism import deterministic
from mmrec.training.digests import digest_of_state

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Listed:
    """The recommendations for one user, best first."""

    items: tuple[int, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Restored:
    """A finished trial that can recommend items."""

    recommender: Recommender | None
    """In the state of the best epoch; None if only the lists were kept."""
    lists: Path | None
    """The recommendation lists that were kept."""

    def recommend(self, dataset: Dataset, user: int, top_k: int) -> Listed:
        """Return the best items of a user outside of the user's training items.

        Args:
            dataset: of the run.
            user: internal number.
            top_k: how many at most; lists that were kept may be shorter.

        Raises:
            DataError: the lists cannot be read.
        """
        if self.recommender is None or isinstance(self.recommender, RecommendationFile):
            return self._listed(dataset, user, top_k)
        with deterministic(_CPU), torch.no_grad():
            scores = _scores(self.recommender, dataset, user)
        train = dataset.train
        known = train.items[train.offsets[user] : train.offsets[user + 1]]
        scores[:, torch.from_numpy(known)] = -torch.inf
        values, items = best_columns(scores, min(top_k, dataset.n_items))
        kept = values[0] > -torch.inf
        return Listed(tuple(items[0][kept].tolist()), tuple(values[0][kept].tolist()))

    def _listed(self, dataset: Dataset, user: int, top_k: int) -> Listed:
        if isinstance(self.recommender, RecommendationFile):
            ranking = self.recommender.rank(dataset.train, top_k, _CPU)
        else:
            assert self.lists is not None
            frame = read_recommendations(self.lists)
            ranking = ranking_from_frame(frame, dataset.users, dataset.items, top_k)
        there = ranking.items[user] >= 0
        return Listed(
            tuple(ranking.items[user][there].tolist()), tuple(ranking.scores[user][there].tolist())
        )


def _scores(recommender: Recommender, dataset: Dataset, user: int) -> torch.Tensor:
    """Return a user's scores [1, I], computed with the same block of users as in the run."""
    start = user // BLOCK * BLOCK
    users = torch.arange(start, start + BLOCK).clamp_(max=dataset.n_users - 1)
    scores = recommender.scorer()(users)[user - start : user - start + 1]
    return scores.float() + 0.0  # no negative zeros, as when the run ranked


def restore(
    kind: type[Recommender],
    config: RecommenderConfig,
    dataset: Dataset,
    experiment: Experiment,
    record: TrialRecord,
) -> Restored:
    """Restore the recommender of a finished trial.

    A recommender that is not trained needs no files. A model needs the weights that
    ``save_weights`` kept, or else the lists that ``save_recs`` kept.

    Args:
        kind: the class of the recommender.
        config: its hyper-parameters.
        dataset: of the run.
        experiment: has the folders of weights and lists.
        record: the trial.

    Raises:
        DataError: neither weights nor lists were kept, or they are not those of the trial.
        TrialError: the weights are damaged.
    """
    lists = lists_path(experiment, record)
    if not issubclass(kind, Model):
        return Restored(_build(kind, config, dataset), None)
    weights = weights_path(experiment, record)
    if record.weights_file is None:  # it was restored itself, or an earlier version trained it
        with contextlib.suppress(TrialError):
            weights = find_weights(experiment, record.model, record.name)
    if is_file(weights):
        model = _build(kind, config, dataset)
        assert isinstance(model, Model)
        state = load_weights(experiment, record.model, weights, record.trial_id).state
        if digest_of_state(state) != record.weights_sha256:
            raise DataError(f"{weights}: not the weights of the trial {record.name}")
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            raise ModelError(f"{weights} does not fit the model as it is now: {error}") from error
        return Restored(model.eval(), None)
    if record.lists_file_sha256 is None or not is_file(lists):
        raise DataError(
            f"{record.name}: the run kept neither weights nor lists (no {weights}); set "
            f"'save_weights: True' or 'save_recs: True' under models.{record.model}.meta and run "
            "the experiment again"
        )
    if sha256_of_file(lists) != record.lists_file_sha256:
        raise DataError(f"{lists}: not the lists of the trial {record.name}")
    return Restored(None, lists)


def _build(kind: type[Recommender], config: RecommenderConfig, dataset: Dataset) -> Recommender:
    with deterministic(_CPU):
        return build(kind, config, dataset)
