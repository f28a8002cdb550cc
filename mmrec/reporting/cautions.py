"""What weakens the comparison of a run: warnings that a reader of its report needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from mmrec.models import MODELS, RecommendationFile
from mmrec.planning.candidates import FOLDER
from mmrec.reporting.report_data import ReportData
from mmrec.reporting.verdicts import Lead
from mmrec.runs.records import TrialRecord
from mmrec.runs.repetitions import folds_of, repetitions_text, seeds_of, spreads
from mmrec.runs.study import Study
from mmrec.text import is_number, value_text
from mmrec.training.objective import LOSS

_SEEDS = {"seed", "random_seed"}
"""Parameters that no one searches for a better result."""


def of_comparison(data: ReportData) -> Iterator[str]:
    """Yield what weakens the comparison of the models with each other."""
    yield from _selected_differently(data)
    yield from _unequal_searches(data)
    yield from _unequal_repetitions(data)
    if data.lead is not None and data.winner is not None:
        yield from _spread_over_lead(data, data.winner.model, data.lead)


def of_model(study: Study) -> Iterator[str]:
    """Yield what weakens the result of a model."""
    yield from dict.fromkeys(text for record in study.best_trials for text in record.warnings)
    yield from _best_at_last_epoch(study)
    yield from _best_at_edge(study)
    yield from _control_as_good(study)


def _selected_differently(data: ReportData) -> Iterator[str]:
    names = defaultdict(list)
    for study in data.finished:
        names[study.objective.title(data.split)].append(study.name)
    if len(names) > 1:
        texts = "; ".join(f"{title} ({', '.join(models)})" for title, models in names.items())
        yield (
            f"the models were selected by different figures: {texts}. A model is at an advantage "
            "on the figure that it was selected by; validation_metric of the experiment sets one "
            "for all models"
        )


def _unequal_searches(data: ReportData) -> Iterator[str]:
    counts = {
        study.name: len(study.ranked_points)
        for study in data.finished
        if study.settings.key != FOLDER  # its lists are made elsewhere
        and set(study.best_trials[0].parameters) - _SEEDS  # else there is nothing to search
    }
    if len(set(counts.values())) > 1:
        texts = ", ".join(f"{name} {n:,}" for name, n in counts.items())
        yield (
            f"the models had unequal numbers of points to be selected from: {texts}. More points "
            "give a better result even of an equally good model"
        )


def _unequal_repetitions(data: ReportData) -> Iterator[str]:
    n_folds = {len(folds_of(study.best_trials)) for study in data.finished}
    n_seeds = {len(seeds_of(s.best_trials)) for s in data.finished if _uses_seed(s)}
    if len(n_folds) > 1 or len(n_seeds) > 1:
        over = {s.name: repetitions_text(s.best_trials) or "1 trial" for s in data.finished}
        texts = ", ".join(f"{name} {text}" for name, text in over.items())
        yield f"the models were run on different folds and seeds: {texts}"


def _uses_seed(study: Study) -> bool:
    """Return whether trials of other seeds may have other results."""
    if study.best_trials[0].parameters.get("control") == "permute":
        return True
    key = study.settings.key
    kind = RecommendationFile if key == FOLDER else MODELS.get(key)
    return kind is None or kind.uses_seed


def _spread_over_lead(data: ReportData, winner: str, lead: Lead) -> Iterator[str]:
    of_pair = [study for study in data.finished if study.name in (winner, lead.rival)]
    deviations = {
        study.name: spreads(study.best_trials)[f"{lead.label} std"]
        for study in of_pair
        if len(study.best_trials) > 1
    }
    difference = abs(lead.value - lead.rival_value)
    if any(deviation > difference for deviation in deviations.values()):
        texts = ", ".join(f"{name} {x:.4f}" for name, x in deviations.items())
        yield (
            f"{winner} and {lead.rival} differ by {difference:.4f} in test {lead.label}, less than "
            f"the standard deviation over folds and seeds: {texts}"
        )


def _best_at_last_epoch(study: Study) -> Iterator[str]:
    if study.objective.label == LOSS:  # which falls in every epoch
        return
    trained = [record for record in study.records if record.status == "finished" and record.losses]
    last = [record for record in trained if _is_at_last_epoch(record)]
    if last:
        of_best = [record for record in study.best_trials if _is_at_last_epoch(record)]
        with_best = ", the selected one too" if of_best and len(trained) > len(of_best) else ""
        yield (
            f"the best epoch is the last one in {len(last):,} of {len(trained):,} trials"
            f"{with_best}: with more epochs, the model may be better"
        )


def _is_at_last_epoch(record: TrialRecord) -> bool:
    """Return whether training ended by its number of epochs, and the last evaluation is best."""
    if not record.losses or len(record.losses) < record.parameters.get("epochs", 0):
        return False
    last: int = max(entry["epoch"] for entry in record.history)
    return record.best_epoch == last


def _best_at_edge(study: Study) -> Iterator[str]:
    if study.best is None:
        return
    for name in study.tried:
        levels = study.levels(name)
        listed = study.settings.meta.hyper_opt_alg == "grid" or len(levels) < len(
            study.ranked_points
        )
        if name == "seed" or not listed or not all(map(is_number, levels)):
            continue
        value = study.best.parameters.get(name)
        if value == levels[-1] or (value == levels[0] and value != 0):
            end = "largest" if value == levels[-1] else "smallest"
            yield (
                f"the selected {name}, {value_text(value)}, is the {end} of the values tried: a "
                f"{'larger' if end == 'largest' else 'smaller'} one may be better"
            )


def _control_as_good(study: Study) -> Iterator[str]:
    """Yield the modalities with which permuted features are as good as the items' own."""
    best: dict[str, dict[str, list[TrialRecord]]] = defaultdict(dict)
    for trials in study.ranked_points:
        parameters = trials[0].parameters
        if study.point_value(trials) is not None and "control" in parameters:
            modalities = value_text(parameters.get("modalities"))
            best[modalities].setdefault(str(parameters["control"]), trials)
    for modalities, by_control in best.items():
        if {"none", "permute"} <= set(by_control):
            yield from _as_good(study, modalities, by_control["none"], by_control["permute"])


def _as_good(
    study: Study, modalities: str, own: Sequence[TrialRecord], permuted: Sequence[TrialRecord]
) -> Iterator[str]:
    value, control = study.point_value(own), study.point_value(permuted)
    assert value is not None
    assert control is not None
    deviation = max(study.point_deviation(trials) or 0.0 for trials in (own, permuted))
    if study.objective.is_better(value, control) and abs(value - control) > deviation:
        return
    within = f", a difference within the standard deviation of {deviation:.4f}"
    yield (
        f"modalities {modalities}: {study.objective.label} is {control:.4f} with the features of "
        f"other items (control: permute) and {value:.4f} with the items' own"
        f"{within if abs(value - control) <= deviation else ''}: no sign that the model uses them"
    )
