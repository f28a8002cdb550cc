"""Search spaces: grids, draws, tuples and invalid entries."""

import itertools
import math

import numpy as np
import pytest
from helpers import assert_contains
from hypothesis import given
from hypothesis import strategies as st

from mmrec.config import (
    Choice,
    Distribution,
    Document,
    Problems,
    Space,
    parse_space,
    parse_tuple,
    parse_yaml,
)
from mmrec.errors import ConfigError

TUPLES = frozenset({"modalities", "ws", "dl"})


def space_of(entry: dict) -> Space:
    """Parse a valid entry."""
    problems = Problems(Document.from_dict({}))
    space = parse_space(entry, TUPLES, problems, ())
    problems.raise_if_any()
    return space


def refusal(text: str) -> str:
    """The only message about the invalid entry ``text``."""
    document = parse_yaml(text, "c.yml")
    problems = Problems(document)
    space = parse_space(document.data, TUPLES, problems, ())
    assert space.names == ()
    with pytest.raises(ConfigError) as caught:
        problems.raise_if_any()
    return str(caught.value)


def dimension(text: str) -> object:
    """The value of ``x`` in an entry written as YAML."""
    space = space_of(parse_yaml(f"x: {text}").data)
    return space.dimensions.get("x", space.constants.get("x"))


def test_constants_and_lists() -> None:
    space = space_of(
        {
            "meta": {"verbose": True},
            "lr": [0.1, 0.01],
            "factors": 64,
            "cf": ["mf"],
            "l_w": [1e-5, 1e-2],
        }
    )
    assert space.names == ("meta", "lr", "factors", "cf", "l_w")
    assert space.constants == {"meta": {"verbose": True}, "factors": 64}
    assert space.dimensions == {
        "lr": Choice((0.1, 0.01)),
        "cf": Choice(("mf",)),
        "l_w": Choice((1e-5, 1e-2)),
    }
    assert space.is_finite
    assert space.size == 4
    points = list(space.grid())
    assert [(point["lr"], point["l_w"]) for point in points] == [
        (0.1, 1e-5),
        (0.1, 1e-2),
        (0.01, 1e-5),
        (0.01, 1e-2),
    ]
    assert list(points[0]) == ["meta", "lr", "factors", "cf", "l_w"]


def test_without_lists_there_is_one_point() -> None:
    space = space_of({"lr": 0.1})
    assert space.size == 1
    assert list(space.grid()) == [{"lr": 0.1}]
    assert space.draw(np.random.default_rng(0)) == {"lr": 0.1}


axes = st.dictionaries(
    st.text(alphabet="abcdefgh", min_size=1, max_size=3),
    st.lists(st.integers(-9, 9), min_size=1, max_size=4, unique=True),
    max_size=4,
)


@given(axes)
def test_the_grid_is_the_product(lists: dict[str, list[int]]) -> None:
    space = space_of(lists)
    points = list(space.grid())
    assert [tuple(point.values()) for point in points] == list(itertools.product(*lists.values()))
    assert all(list(point) == list(lists) for point in points)
    assert len(points) == space.size


@given(axes, st.integers(0, 2**32))
def test_draws_are_points_of_the_grid(lists: dict[str, list[int]], seed: int) -> None:
    space = space_of(lists)
    assert space.draw(np.random.default_rng(seed)) in list(space.grid())


BOUNDED = ("uniform", "quniform", "loguniform", "qloguniform")


@given(
    st.sampled_from(BOUNDED),
    st.floats(-20, 20),
    st.floats(0.001, 20),
    st.floats(0.01, 10),
    st.integers(0, 2**32),
)
def test_draws_lie_in_their_bounds(
    name: str, low: float, width: float, q: float, seed: int
) -> None:
    arguments = [low, low + width, *([q] if name.startswith("q") else [])]
    space = space_of({"x": [name, *arguments]})
    value = space.draw(np.random.default_rng(seed))["x"]
    assert type(value) is float
    lowest, highest = low, low + width
    if "log" in name:
        lowest, highest = math.exp(lowest), math.exp(highest)
    if name.startswith("q"):
        # Rounding may lead half a step out of the bounds, as it does in hyperopt.
        lowest, highest = lowest - q / 2, highest + q / 2
        assert value / q == pytest.approx(round(value / q), rel=1e-12, abs=1e-6)
    slack = 1e-9 * max(1, abs(highest))
    assert lowest - slack <= value <= highest + slack
    assert space.draw(np.random.default_rng(seed))["x"] == value


@given(st.integers(-50, 50), st.integers(1, 50), st.integers(0, 2**32))
def test_randint_leaves_out_its_upper_bound(low: float, width: float, seed: int) -> None:
    value = space_of({"x": ["randint", low, low + width]}).draw(np.random.default_rng(seed))["x"]
    assert type(value) is int
    assert low <= value < low + width


def test_randint_of_one_argument_starts_at_zero() -> None:
    rng = np.random.default_rng(0)
    space = space_of({"x": ["randint", 3]})
    assert {space.draw(rng)["x"] for _ in range(100)} == {0, 1, 2}


class _Fixed:
    """Stands in for a generator whose next number is known."""

    def __init__(self, value: float) -> None:
        self.value = value

    def uniform(self, low: float, high: float) -> float:
        assert (low, high) == (-2, 4)
        return self.value

    def normal(self, mean: float, deviation: float) -> float:
        assert (mean, deviation) == (-2, 4)
        return self.value


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("uniform", 1.3, 1.3),
        ("quniform", 1.3, 1.5),
        ("quniform", 1.25, 1.0),  # 2.5 steps round to the even 2
        ("loguniform", 2.0, 7.38905609893065),
        ("qloguniform", 2.0, 7.5),
        ("normal", -1.3, -1.3),
        ("qnormal", -1.3, -1.5),
        ("lognormal", -1.0, 0.36787944117144233),
        ("qlognormal", -1.0, 0.5),
    ],
)
def test_draws_by_hand(name: str, raw: float, value: object) -> None:
    arguments = (-2, 4, 0.5) if name.startswith("q") else (-2, 4)
    assert Distribution(name, arguments).draw(_Fixed(raw)) == value


def test_draws_repeat_with_the_seed_and_are_plain() -> None:
    space = space_of(
        {
            "a": ["loguniform", -10, -1],
            "b": ["mean", "sum"],
            "modalities": ["('visual','textual')", "visual"],
            "c": ["randint", 9],
            "d": ["normal", 0, 1],
        }
    )
    first, second = np.random.default_rng(7), np.random.default_rng(7)
    draws = [space.draw(first) for _ in range(20)]
    assert draws == [space.draw(second) for _ in range(20)]
    assert len({draw["a"] for draw in draws}) == 20
    assert {draw["modalities"] for draw in draws} == {("visual", "textual"), ("visual",)}
    assert [type(value) for value in draws[0].values()] == [float, str, tuple, int, float]


@pytest.mark.parametrize(
    "text",
    [
        "[uniform, -5, 5]",
        "['uniform', -5, 5]",
        "['uniform', '-5', '5']",
        "uniform(-5, 5)",
        "'uniform(-5,5)'",
        "[uniform(-5, 5)]",
        "['uniform(-5, 5)']",
    ],
)
def test_the_ways_to_write_a_distribution(text: str) -> None:
    assert dimension(text) == Distribution("uniform", (-5, 5))
    assert str(dimension(text)) == "uniform(-5, 5)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[choice, 1, 2]", Choice((1, 2))),
        ("[choice, [1, 2]]", Choice((1, 2))),
        ("choice(1, mean, 1e-3)", Choice((1, "mean", 1e-3))),
        ("[choice(1, 2)]", Choice((1, 2))),
        ("[uniform, normal]", Choice(("uniform", "normal"))),
        ("[auto, 1, 2]", Choice(("auto", 1, 2))),
        ("[[64, 32], [8]]", Choice(((64, 32), (8,)))),
        ("[1, 1.0, true]", Choice((1, 1.0, True))),
        ("[quniform, 1, 4, 1]", Distribution("quniform", (1, 4, 1))),
        ("lognormal(0, 1.5)", Distribution("lognormal", (0, 1.5))),
        ("relu(x)", "relu(x)"),
        ("f()", "f()"),
        ("(1.0,50)", "(1.0,50)"),
        ("null", None),
    ],
)
def test_other_values(text: str, value: object) -> None:
    assert dimension(text) == value


def test_a_distribution_has_no_grid() -> None:
    space = space_of({"lr": ["loguniform", -10, -1], "cf": ["mf", "ngcf"]})
    assert not space.is_finite
    assert space.size == 2
    with pytest.raises(ValueError, match=r"^lr: .*loguniform\(-10, -1\)"):
        next(space.grid())


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("[]", ["found an empty list", "at least one value to try"]),
        ("[choice]", ["found an empty list", "at least one value to try"]),
        ("[0.1, 1e-1, 2, 2]", ["duplicates of 0.1, 2"]),
        (
            "[{a: 1}]",
            ["found a mapping of a in a list", "numbers, strings and lists"],
        ),
        (
            "[unifrom, -5, 5]",
            [
                "found the unknown distribution 'unifrom'",
                "did you mean 'uniform'",
                "choice, randint, uniform, quniform",
            ],
        ),
        (
            "beta(1, 2)",
            ["found the unknown distribution 'beta'", "choice, randint, uniform, quniform"],
        ),
        (
            "[uniform, 5, -5]",
            ["found uniform(5, -5)", "uniform(low, high), numbers with low < high"],
        ),
        (
            "[uniform, 5]",
            ["found uniform(5)", "uniform(low, high), numbers with low < high"],
        ),
        ("[uniform]", ["found uniform()", "uniform(low, high), numbers with low < high"]),
        (
            "[uniform, true, 2]",
            ["found uniform(True, 2)", "uniform(low, high), numbers with low < high"],
        ),
        (
            "uniform(a, b)",
            ["found uniform(a, b)", "uniform(low, high), numbers with low < high"],
        ),
        (
            "uniform(1,)(2)",
            ["found uniform((1,)(2))", "uniform(low, high), numbers with low < high"],
        ),
        (
            "[uniform, 0, .inf]",
            ["found uniform(0, inf)", "uniform(low, high), numbers with low < high"],
        ),
        (
            "[quniform, 0, 5, 0]",
            ["found quniform(0, 5, 0)", "quniform(low, high, q)"],
        ),
        (
            "[loguniform, 1, 1000]",
            ["found loguniform(1, 1000)", "loguniform(low, high)"],
        ),
        (
            "[normal, 0, 0]",
            ["found normal(0, 0)", "normal(mu, sigma), numbers with sigma > 0"],
        ),
        (
            "[qlognormal, 0, 1]",
            ["found qlognormal(0, 1)", "qlognormal(mu, sigma, q)"],
        ),
        (
            "[randint, 2.5]",
            ["found randint(2.5)", "randint(upper) or randint(low, high)"],
        ),
        (
            "[randint, 0]",
            ["found randint(0)", "randint(upper) or randint(low, high)"],
        ),
        (
            "['uniform(0, 1)', 'normal(0, 1)']",
            ["found ['uniform(0, 1)', 'normal(0, 1)']", "one distribution, or a list of values"],
        ),
    ],
)
def test_invalid_values(text: str, facts: list[str]) -> None:
    assert_contains(refusal(f"x: {text}"), ["c.yml:1: x:", *facts])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("\"('visual','textual')\"", ("visual", "textual")),
        ("('visual', 'textual')", ("visual", "textual")),
        ("(visual, textual)", ("visual", "textual")),
        ("\"('visual')\"", ("visual",)),
        ("\"('visual',)\"", ("visual",)),
        ("visual", ("visual",)),
        ("'visual, textual'", ("visual", "textual")),
        ("\"['visual']\"", ("visual",)),
        ("[visual, textual]", ("visual", "textual")),
        ("[visual]", ("visual",)),
        ("(64, 64)", (64, 64)),
        ("(0.1,1e-2)", (0.1, 0.01)),
        ("64", (64,)),
        ("()", ()),
        ("[]", ()),
        ("[64, 64]", (64, 64)),
        ("[[visual], [visual, textual]]", Choice((("visual",), ("visual", "textual")))),
        ("[(visual, textual), (visual)]", Choice((("visual", "textual"), ("visual",)))),
        ("[(64, 64), (32, 1e-2)]", Choice(((64, 64), (32, 0.01)))),
        ("[\"('visual','textual')\", visual]", Choice((("visual", "textual"), ("visual",)))),
        ("[\"('visual')\"]", Choice((("visual",),))),
        ("[choice, [visual], [textual]]", Choice((("visual",), ("textual",)))),
        ("null", None),
    ],
)
def test_tuple_valued_keys(text: str, value: object) -> None:
    space = space_of(parse_yaml(f"modalities: {text}").data)
    assert {**space.dimensions, **space.constants} == {"modalities": value}


def test_tuples_of_a_dict() -> None:
    space = space_of({"modalities": ("visual", "textual"), "ws": [(64, 64), (32,)], "pair": (1, 2)})
    assert space.constants == {"modalities": ("visual", "textual"), "pair": (1, 2)}
    assert space.dimensions == {"ws": Choice(((64, 64), (32,)))}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("('visual", '"(\'visual"'),
        ("(visual", "'(visual'"),
        ("\"('a',,'b')\"", "\"('a',,'b')\""),
        ("\"('a' 'b')\"", "\"('a' 'b')\""),
        ("((1, 2), 3)", "'((1, 2), 3)'"),
        ("'('", "'('"),
        ("''", "''"),
        ("(a]", "'(a]'"),
    ],
)
def test_invalid_tuples(text: str, found: str) -> None:
    facts = ["c.yml:1: ws:", f"found {found}", "a list such as [visual, textual] or [64, 64]"]
    assert_contains(refusal(f"ws: {text}"), facts)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("[[1, [2]]]", ["found [1, [2]]", "a flat list, or a list of flat lists"]),
        ("[{a: 1}]", ["found [{'a': 1}]", "a flat list, or a list of flat lists"]),
        ("[(1), (1)]", ["duplicates of (1,)"]),
    ],
)
def test_invalid_lists_of_tuples(text: str, facts: list[str]) -> None:
    assert_contains(refusal(f"ws: {text}"), ["c.yml:1: ws:", *facts])


def test_all_invalid_keys_are_reported_with_their_lines() -> None:
    document = parse_yaml("m:\n  lr: [uniform, 1]\n  ok: 3\n  ws: (1\n", "c.yml")
    problems = Problems(document)
    space = parse_space(document.data["m"], TUPLES, problems, ("m",))
    assert space == Space(("ok",), {"ok": 3}, {})
    assert [(problem.line, problem.key) for problem in problems] == [(2, "m.lr"), (4, "m.ws")]


words = st.lists(st.text(alphabet="abcxyz_", min_size=1, max_size=5), min_size=1, max_size=4)


@given(words)
def test_python_tuples_read_back(members: list[str]) -> None:
    assert parse_tuple(repr(tuple(members))) == tuple(members)
