"""Problems of settings that pydantic refuses."""

from typing import Annotated, Any, ClassVar, Literal

import pytest
from helpers import assert_contains
from pydantic import BaseModel, Field, ValidationError, model_validator

from mmrec.config import (
    Accepts,
    Count,
    EarlyStopping,
    Flag,
    Integer,
    ModelMeta,
    Natural,
    NonNegativeReal,
    PositiveReal,
    Problems,
    Real,
    Section,
    parse_metric_label,
    parse_yaml,
)
from mmrec.errors import ConfigError


class Inner(Section):
    """A section within a section."""

    depth: Count
    """How deep."""


class Toy(Section):
    """The configuration of a model, with one field of every kind."""

    unsupported: ClassVar = {"lr_sched": "not supported; remove the key"}

    lr: PositiveReal = 0.1
    l_w: NonNegativeReal = 0.0
    shift: Real = 0.0
    seed: Integer = 0
    n_layers: Natural = 1
    normalize: Flag = True
    cf: Literal["lightgcn", "ngcf", "mf"] = "mf"
    modalities: Annotated[tuple[str, ...], Field(min_length=1)] = ("visual",)
    ws: tuple[int, int, int] = (1, 2, 3)
    dl: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = ()
    share: Annotated[float, Field(ge=0, le=1)] = 0.5
    steps: Annotated[int, Field(gt=0, multiple_of=2)] = 2
    either: int | list[int] = 1
    prefix: Annotated[str, Field(pattern="^a")] = "a"
    short: Annotated[list[int], Field(max_length=2)] = Field(default_factory=list)
    special: Annotated[int, Accepts("a prime")] = 2
    extra: dict[str, int] = Field(default_factory=dict)
    inner: Inner | None = None
    inners: list[Inner] = Field(default_factory=list)
    meta: ModelMeta = ModelMeta()
    early_stopping: EarlyStopping | None = None

    @model_validator(mode="after")
    def _go_together(self) -> "Toy":
        if self.n_layers > 5:
            raise ValueError("n_layers is 6, more than cf allows")
        return self


PATH = ("experiment", "models", "Toy")


def messages(entry: str, model: type[BaseModel] = Toy) -> list[str]:
    """The problems of one entry, without the start that all lines share."""
    text = f"experiment:\n  models:\n    Toy:\n      {entry}\n"
    document = parse_yaml(text, "c.yml")
    problems = Problems(document)
    with pytest.raises(ValidationError) as caught:
        model.model_validate(document.data["experiment"]["models"]["Toy"])
    problems.add_validation_error(PATH, caught.value, model)
    with pytest.raises(ConfigError) as raised:
        problems.raise_if_any()
    start = "c.yml:4: experiment.models.Toy."
    return [line.removeprefix(start) for line in str(raised.value).splitlines()]


@pytest.mark.parametrize(
    ("entry", "facts"),
    [
        ("lr: 0", ["lr:", "found 0", "a number, above 0"]),
        ("lr: abc", ["lr:", "found 'abc'", "a number, above 0"]),
        ("lr: true", ["lr:", "found True", "a number, above 0"]),
        ("lr: .inf", ["lr:", "found inf", "a number, above 0"]),
        ("l_w: -1e-5", ["l_w:", "found -1e-05", "a number, 0 or more"]),
        ("shift: .nan", ["shift:", "found nan", "a number"]),
        ("seed: 1.5", ["seed:", "found 1.5", "a whole number"]),
        ("n_layers: -1", ["n_layers:", "found -1", "a whole number, 0 or more"]),
        ("normalize: on", ["normalize:", "found 'on'", "true or false"]),
        (
            "cf: lightgcnn",
            ["cf:", "found 'lightgcnn'", "did you mean 'lightgcn'", "'lightgcn', 'ngcf' or 'mf'"],
        ),
        ("cf: 3", ["cf:", "found 3", "'lightgcn', 'ngcf' or 'mf'"]),
        ("modalities: []", ["modalities:", "found []", "a list of 1 or more texts"]),
        ("modalities: x", ["modalities:", "found 'x'", "a list of 1 or more texts"]),
        ("modalities: [1]", ["modalities[0]:", "found 1", "put it in quotes", "text"]),
        ("ws: [1, 2]", ["ws:", "found [1, 2]", "a list of 3 whole numbers"]),
        (
            "ws: [1, 2, 3, 4]",
            ["ws:", "found [1, 2, 3, 4]", "a list of 3 whole numbers, at most 3 long"],
        ),
        ("ws: [1, 2, x]", ["ws[2]:", "found 'x'", "a whole number"]),
        ("dl: [0.1, 1]", ["dl[1]:", "found 1", "a number, 0 or more and below 1"]),
        (
            "dl: x",
            ["dl:", "found 'x'", "a list of numbers, each 0 or more and below 1"],
        ),
        ("share: 2", ["share:", "found 2", "a number, from 0 to 1"]),
        (
            "steps: 3",
            ["steps:", "found 3", "a whole number, 1 or more and a multiple of 2"],
        ),
        (
            "either: {}",
            ["either:", "found an empty mapping", "a whole number or a list of whole numbers"],
        ),
        ("prefix: b", ["prefix:", "found 'b'", "text that matches ^a"]),
        (
            "short: [1, 2, 3]",
            ["short:", "found [1, 2, 3]", "a list of whole numbers, at most 2 long"],
        ),
        ("special: x", ["special:", "found 'x'", "a prime"]),
        ("extra: {a: x}", ["extra.a:", "found 'x'", "a whole number"]),
        ("extra: 3", ["extra:", "found 3", "a mapping"]),
        (
            "inner: {}",
            ["inner.depth:", "required key is missing", "a whole number, 1 or more"],
        ),
        (
            "inner: {dept: 1, depth: 1}",
            ["inner.dept:", "unknown key", "did you mean 'depth'", "depth"],
        ),
        (
            "inners: [{depth: 1}, {depth: 0}]",
            ["inners[1].depth:", "found 0", "a whole number, 1 or more"],
        ),
        ("lr_sched: (1.0,50)", ["lr_sched:", "remove the key"]),
        (
            "meta: {hyper_opt_alg: Gird}",
            [
                "meta.hyper_opt_alg:",
                "found 'Gird'",
                "did you mean 'grid'",
                "'grid', 'rand' or 'tpe'",
            ],
        ),
        (
            "meta: {validation_metric: 'Recall@'}",
            [
                "meta.validation_metric:",
                "found 'Recall@'",
                "a metric and a cutoff, such as Recall@20",
            ],
        ),
        (
            "meta: {validation_metric: 20}",
            [
                "meta.validation_metric:",
                "found 20",
                "put it in quotes",
                "a metric and a cutoff, such as Recall@20",
            ],
        ),
        (
            "early_stopping: {monitor: loss}",
            ["early_stopping.patience:", "required key is missing", "a whole number, 1 or more"],
        ),
        (
            "early_stopping: {patience: 0}",
            ["early_stopping.patience:", "found 0", "a whole number, 1 or more"],
        ),
        (
            "early_stopping: {patience: 3, mode: maximum}",
            [
                "early_stopping.mode:",
                "found 'maximum'",
                "did you mean 'max'",
                "'auto', 'min' or 'max'",
            ],
        ),
    ],
)
def test_one_problem(entry: str, facts: list[str]) -> None:
    [message] = messages(entry)
    assert message.startswith(f"{facts[0]} ")
    assert_contains(message, facts)


def test_unknown_keys_are_reported_with_the_nearest_and_all_names() -> None:
    [message] = messages("lrr: 0.1")
    assert_contains(message, ["lrr:", "unknown key", "did you mean 'lr'?", *Toy.model_fields])


@pytest.mark.parametrize("key", ["lr_schedule", "learning_rate_scheduler"])
def test_a_key_near_an_unsupported_one_is_refused_with_its_reason(key: str) -> None:
    [message] = messages(f"{key}: 1")
    assert_contains(message, [f"{key}:", "did you mean 'lr_sched'?", "not supported", "l_w"])


@pytest.mark.parametrize(("key", "ours"), [("learning_rate", "lr"), ("reg_weight", "l_w")])
def test_a_key_that_other_tools_call_otherwise_is_reported_with_its_name(key, ours) -> None:
    [message] = messages(f"{key}: 1")
    assert_contains(message, [f"{key}:", "unknown key", f"did you mean '{ours}'?"])


def test_branches_of_a_union_are_reported_at_their_path() -> None:
    whole, entry = messages("either: [1, x]")
    assert_contains(whole, ["either:", "found [1, 'x']", "a whole number or a list of whole"])
    assert_contains(entry, ["either[1]:", "found 'x'", "a whole number"])


def test_a_problem_of_the_whole_entry() -> None:
    [message] = messages("n_layers: 6")
    assert message == "c.yml:3: experiment.models.Toy: n_layers is 6, more than cf allows"


def test_types_without_a_description() -> None:
    class Odd(BaseModel):
        anything: Annotated[Any, Field(gt=3)]
        raw: bytes

    anything, raw = messages("{anything: 1, raw: 3}", Odd)
    assert_contains(anything, ["anything:", "found 1", "greater than 3"])
    assert_contains(raw, ["raw:", "found 3", "bytes"])


def test_a_problem_of_many_points_is_reported_once() -> None:
    problems = Problems(parse_yaml("a: 1\nb: 2\n", "c.yml"))
    for path, message in [(("b",), "x"), (("a",), "y"), (("b",), "x")]:
        problems.add(path, message)
    assert len(problems) == 2
    with pytest.raises(ConfigError, match=r"^c.yml:1: a: y\nc.yml:2: b: x$"):
        problems.raise_if_any()


def test_without_problems_nothing_is_raised() -> None:
    problems = Problems(parse_yaml("a: 1\n"))
    problems.raise_if_any()
    assert list(problems) == []


def test_typed_scalars() -> None:
    toy = Toy.model_validate(
        {
            "lr": "1e-5",
            "l_w": 1,
            "seed": "+3",
            "n_layers": 3.0,
            "normalize": "False",
            "meta": {"hyper_opt_alg": "TPE", "hyper_max_evals": "8"},
            "early_stopping": {"patience": 5, "mode": "auto", "monitor": "Recall@20"},
        }
    )
    assert (toy.lr, toy.l_w, toy.seed, toy.n_layers) == (1e-5, 1.0, 3, 3)
    assert [type(value) for value in (toy.lr, toy.l_w, toy.seed, toy.n_layers)] == [
        float,
        float,
        int,
        int,
    ]
    assert toy.normalize is False
    assert (toy.meta.hyper_opt_alg, toy.meta.hyper_max_evals) == ("tpe", 8)
    assert toy.early_stopping == EarlyStopping(patience=5, monitor="Recall@20")


def test_defaults_of_meta() -> None:
    assert ModelMeta().model_dump() == {
        "hyper_opt_alg": "grid",
        "hyper_max_evals": None,
        "hyper_batch": 4,
        "pruner": "none",
        "seeds": (),
        "validation_rate": 1,
        "validation_metric": None,
        "save_weights": False,
        "save_recs": False,
        "restore": False,
        "optimize_internal_loss": False,
    }


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Recall@20", ("Recall", 20)),
        ("nDCG", ("nDCG", None)),
        ("loss", ("loss", None)),
        (" HR@007 ", ("HR", 7)),
    ],
)
def test_metric_labels(text: str, label: tuple) -> None:
    assert parse_metric_label(text) == label
    assert parse_metric_label(str(parse_metric_label(text))) == label


@pytest.mark.parametrize("text", ["", "@20", "Recall@", "Recall@0", "Recall@x", "a@1@2", "a b@3"])
def test_metric_labels_that_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as Recall@20"):
        parse_metric_label(text)
