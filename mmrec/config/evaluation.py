"""The key ``evaluation``: metrics, cutoffs and significance tests."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from mmrec.config.describe import Accepts
from mmrec.config.fields import DISTINCT, Count, Flag, Real, Section, as_list
from mmrec.config.paths import FileContext
from mmrec.errors import listing


def _cutoffs(value: object, info: ValidationInfo) -> object:
    return [FileContext.of(info).top_k] if value in (None, ()) else as_list(value)


def _within_top_k(value: int, info: ValidationInfo) -> int:
    top_k = FileContext.of(info).top_k
    if value > top_k:
        raise ValueError(f"found {value}; accepted: at most top_k, which is {top_k}")
    return value


_Cutoff = Annotated[Count, AfterValidator(_within_top_k)]
_Written = Annotated[tuple[_Cutoff, ...], Field(min_length=1)] | _Cutoff | None


class ComplexMetricEntry(Section):
    """One metric with settings; the class of the metric reads them."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Any]

    metric: str
    """Name of the metric, in upper or lower case."""

    @property
    def options(self) -> dict[str, Any]:
        """All other keys, as written."""
        return dict(self.__pydantic_extra__)


_Complex = Annotated[
    ComplexMetricEntry, Accepts("a mapping with the key 'metric' and the settings of the metric")
]


class Evaluation(Section):
    """Metrics, cutoffs and significance tests."""

    cutoffs: Annotated[
        tuple[_Cutoff, ...],
        Field(min_length=1),
        DISTINCT,
        BeforeValidator(_cutoffs, json_schema_input_type=_Written),
        Accepts("a whole number from 1 to top_k, or a list of them"),
    ] = ()
    """Lengths at which lists are cut; top_k by default."""
    simple_metrics: Annotated[
        tuple[str, ...],
        Field(min_length=1),
        BeforeValidator(as_list),
        Accepts("the name of a metric, or a list of names"),
    ]
    """Names of the metrics, in upper or lower case; duplicates have no effect."""
    complex_metrics: Annotated[
        tuple[_Complex, ...],
        BeforeValidator(as_list),
        Accepts("a list of mappings, each with the key 'metric'"),
    ] = ()
    """Metrics with settings, such as files of groups."""
    candidates: Literal["trained", "all"] = "trained"
    """``all`` also ranks items that have vectors but no training row, in figures of their own."""
    relevance_threshold: Real = 0.0
    """Least held-out rating of a relevant item."""
    paired_ttest: Flag = False
    """Compare each pair of models by Student's paired t-test."""
    require_validation: Flag = False
    """Refuse an experiment without a validation split instead of selecting on test."""
    wilcoxon_test: Flag = False
    """Compare each pair of models by Wilcoxon's signed-rank test."""

    @field_validator("simple_metrics")
    @classmethod
    def _metrics_are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        labels = [name for name in value if "@" in name]
        if labels:
            raise ValueError(
                f"found {listing(labels)}; accepted: names without cutoffs (use the key cutoffs)"
            )
        return value

    @model_serializer(mode="wrap")
    def _without_default_candidates(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out ``candidates: trained``, so that such runs keep their identities."""
        facts: dict[str, Any] = dump(self)
        if self.candidates == "trained":
            facts.pop("candidates", None)
        return facts
