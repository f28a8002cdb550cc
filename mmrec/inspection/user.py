"""``mmrec show``: the recommendations of a finished run for a user, with their item graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmrec.data import Dataset
from mmrec.errors import DataError, listing, nearest
from mmrec.inspection.neighbours import item_graphs, nearest_items
from mmrec.inspection.restoring import restore
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import Plan
from mmrec.runs.example_users import held_out_ids, items_of, unknown_user
from mmrec.runs.finished import FinishedRun, read_plan
from mmrec.runs.manifest import all_fingerprint
from mmrec.runs.studies import read_studies
from mmrec.runs.study import Study
from mmrec.runs.winner import find_winner
from mmrec.training.determinism import usual_modes

_MOST_HISTORY = 20
"""Items of a history that are shown."""


@dataclass(frozen=True)
class Recommended:
    """One recommended item."""

    item_id: str
    score: float
    hit: str | None
    """``test`` or ``validation``, if the user took the item there."""
    neighbours: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)
    """By graph (``learned``, ``raw``) the nearest items and the weights of their edges."""


@dataclass(frozen=True)
class UserView:
    """What a trial recommends to a user, next to the items of the user."""

    trial: str
    epoch: int | None
    user_id: str
    history: tuple[str, ...]
    """The items of training."""
    held_out: Mapping[str, tuple[str, ...]]
    """The relevant items of ``validation`` and ``test``."""
    recommended: tuple[Recommended, ...]

    def lines(self, titles: Mapping[str, str] | None = None) -> list[str]:
        """Return the view as text, with the titles of items where there are any."""

        def named(item_id: str) -> str:
            title = (titles or {}).get(item_id)
            return f"{item_id} {title}" if title else item_id

        lines = [f"user {self.user_id}, {self.trial}, epoch {self.epoch}"]
        lines.append(f"took in training ({len(self.history)}):")
        lines += [f"  {named(item)}" for item in self.history[:_MOST_HISTORY]]
        if len(self.history) > _MOST_HISTORY:
            lines.append(f"  and {len(self.history) - _MOST_HISTORY} more")
        for split, items in self.held_out.items():
            lines.append(f"took in {split} ({len(items)}): {listing(map(named, items))}")
        taken = set(self.history)
        starred = "; * was taken in training" if any(r.neighbours for r in self.recommended) else ""
        lines.append(f"recommended ({len(self.recommended)}{starred}):")
        for rank, item in enumerate(self.recommended, 1):
            hit = f"  <- {item.hit}" if item.hit else ""
            lines.append(f"  {rank:>3}. {named(item.item_id)}  {item.score:.4f}{hit}")
            for graph, near in item.neighbours.items():
                edges = ", ".join(
                    f"{named(other)}{'*' if other in taken else ''} ({weight:.3f})"
                    for other, weight in near
                )
                lines.append(f"       {graph} graph: {edges or 'no other item'}")
        return lines


@usual_modes()
def view_user(
    path: str | Path,
    user_id: str,
    *,
    model: str | None = None,
    top_k: int = 10,
    base_dir: Path | None = None,
    trust: bool = False,
) -> UserView:
    """Return what the best trial of a model recommends to a user.

    Args:
        path: the folder of a finished run.
        user_id: as in the files of the data.
        model: its name in the tables; by default the best model of the run.
        top_k: the number of items; at most the length of the lists if no weights were kept.
        base_dir: where relative paths of the experiment start, if the data have moved.
        trust: execute the external models of the run even if no experiment of this user has.

    Raises:
        DataError: there is no such run, model or user, the data are not those of the run, or it
            has kept neither weights nor lists.
        TrustError: its external models are not trusted.
        ConfigError: the experiment cannot be read here, for example because a path is missing.
    """
    run = FinishedRun.open(Path(path))
    study = _study(run, model)
    assert study.best is not None
    _, plan = read_plan(run, base_dir, trust=trust)
    dataset = _dataset(run, plan, study.best.fold)
    user = _number(dataset, user_id, run.path)
    recommender = next(m.recommender for m in plan.models if m.name == study.name)
    config = recommender.Config.model_validate(study.best.parameters)
    restored = restore(recommender, config, dataset, plan.experiment, study.best)
    listed = restored.recommend(dataset, user, top_k)
    ids = dataset.items.ids
    held_out = held_out_ids(dataset, user, plan.experiment.evaluation.relevance_threshold)
    graphs = item_graphs(restored.recommender)
    return UserView(
        trial=study.best.name,
        epoch=study.best.best_epoch,
        user_id=user_id,
        history=tuple(ids[item] for item in items_of(dataset.train, user)),
        held_out=held_out,
        recommended=tuple(
            Recommended(
                ids[item],
                score,
                next((split for split, items in held_out.items() if ids[item] in items), None),
                {
                    name: [(ids[other], weight) for other, weight in nearest_items(graph, item)]
                    for name, graph in graphs.items()
                },
            )
            for item, score in zip(listed.items, listed.scores, strict=True)
        ),
    )


def _study(run: FinishedRun, name: str | None) -> Study:
    studies = read_studies(run)
    by_name = {study.name: study for study in studies}
    if name is None:
        winner = find_winner(studies, run.manifest["protocol"]["selected_on"])
        if winner is None:
            raise DataError(f"{run.path}: no trial of the run finished")
        return by_name[winner.model]
    if name not in by_name:
        raise DataError(
            f"{run.path}: no model {name!r}{nearest(name, by_name)}; it has: {listing(by_name)}"
        )
    if by_name[name].best is None:
        raise DataError(f"{run.path}: no trial of {name} finished")
    return by_name[name]


def _dataset(run: FinishedRun, plan: Plan, fold: str) -> Dataset:
    datasets = load_datasets(plan)
    if all_fingerprint(datasets) != run.manifest["data"]["fingerprint"]:
        raise DataError(
            f"{run.path}: the data differ from those of the run; "
            f"'mmrec verify {run.path}' shows the differences"
        )
    return next(dataset for dataset in datasets if dataset.fold == fold)


def _number(dataset: Dataset, user_id: str, path: Path) -> int:
    if user_id in dataset.users:
        return int(dataset.users.numbers([user_id])[0])
    raise DataError(f"{path}: {unknown_user(user_id, dataset.users.ids)}")
