"""YAML 1.2 scalars, positions, and messages about text that is not YAML."""

import math
from pathlib import Path

import numpy as np
import pytest
from helpers import assert_contains, refusal, write_text
from hypothesis import given
from hypothesis import strategies as st

from mmrec.config import Document, parse_scalar, parse_yaml, read_yaml
from mmrec.config.problems import Problems
from mmrec.errors import ConfigError


def messages(text: str) -> list[str]:
    """The lines of the error for ``text``, whether YAML or its content is wrong."""
    with pytest.raises(ConfigError) as caught:
        Problems(parse_yaml(text, "c.yml")).raise_if_any()
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("1E-5", 1e-5),
        ("1.0E-5", 1e-5),
        ("1e5", 1e5),
        ("-1.e+3", -1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("0.005", 0.005),
        ("+3", 3),
        ("-0", 0),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("~", None),
        ("Null", None),
        ("", None),
        ("yes", "yes"),
        ("off", "off"),
        ("tRUE", "tRUE"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2018-01-01", "2018-01-01"),
        ("0b11", "0b11"),
        ("1e", "1e"),
        (".", "."),
        ("0.3.1", "0.3.1"),
        ("-", "-"),
        ("('visual','textual')", "('visual','textual')"),
        ("9" * 5000, math.inf),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    assert parse_scalar(text) == value
    assert type(parse_scalar(text)) is type(value)


def test_not_a_number() -> None:
    assert math.isnan(parse_scalar(".nan"))


@given(st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.none()))
def test_every_python_number_reads_back(value: object) -> None:
    assert parse_scalar("null" if value is None else repr(value).replace("inf", ".inf")) == value


def test_quoted_scalars_and_keys_are_text() -> None:
    data = parse_yaml("a: '1'\nb: \"true\"\n1: x\non: y\n'<<': z\n").data
    assert data == {"a": "1", "b": "true", "1": "x", "on": "y", "<<": "z"}


def test_tags_of_yaml_itself() -> None:
    assert parse_yaml("[!!str 1, !!float 1, !!int '3', !!null '', !!bool 'true']").data == [
        "1",
        1.0,
        3,
        None,
        True,
    ]


def test_lines_of_keys_and_entries() -> None:
    document = parse_yaml("a:\n  b: 1\n  c:\n    - x\n    - {d: 1}\n")
    assert document.lines == {
        (): 1,
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("a", "c", 0): 4,
        ("a", "c", 1): 5,
        ("a", "c", 1, "d"): 5,
    }


def test_line_of_the_nearest_ancestor() -> None:
    document = parse_yaml("\na:\n  b: 1\n")
    assert document.line_of(("a", "b", "x", 3)) == 3
    assert document.line_of(["a", "z"]) == 2
    assert document.line_of(("z",)) == 2
    assert Document.from_dict({"a": 1}).line_of(("a",)) is None


def test_anchors_and_merge_keys() -> None:
    text = """
base: &base {lr: 0.1, factors: 64}
more: &more
  lr: 0.5
  top_k: 20
one:
  <<: *base
  lr: 0.2
two:
  <<: [*base, *more]
three: *more
"""
    document = parse_yaml(text)
    assert document.data["one"] == {"lr": 0.2, "factors": 64}
    assert list(document.data["one"]) == ["lr", "factors"]
    assert document.data["two"] == {"lr": 0.1, "factors": 64, "top_k": 20}
    assert document.data["three"] == {"lr": 0.5, "top_k": 20}
    assert document.data["three"] is not document.data["more"]
    assert document.line_of(("one", "lr")) == 8
    assert document.line_of(("one", "factors")) == 2
    assert document.line_of(("two", "top_k")) == 5
    assert document.problems == ()


def test_every_duplicate_key_is_reported_once() -> None:
    text = "a: &a\n  x: 1\n  y: 2\n  x: 3\nb: *a\nc:\n  <<: *a\n  <<: *a\na: 5\na: 6\n"
    assert messages(text) == [
        "c.yml:4: a.x: duplicate key; the first is on line 2",
        "c.yml:8: c.<<: duplicate key; the first is on line 7",
        "c.yml:9: a: duplicate key; the first is on line 1",
        "c.yml:10: a: duplicate key; the first is on line 1",
    ]
    assert parse_yaml(text).data["a"] == {"x": 1, "y": 2}


def test_problems_that_leave_the_rest_readable() -> None:
    text = "a: !foo 1\nb: !!int x\nc: !!python/name:os.system ''\n? [1]\n: 2\n<<: 3\nd: &d [*d]\n"
    accepted = "!!str, !!map, !!seq, !!int, !!float, !!bool, !!null"
    expected = [
        ("c.yml:1: a:", "'!foo'", accepted),
        ("c.yml:2: b:", "found 'x'", "!!int"),
        ("c.yml:3: c:", "'python/name:os.system'", accepted),
        ("c.yml:4:", "list or mapping as a key", "accepted: text"),
        ("c.yml:6:", "found '<<'", "an alias"),
        ("c.yml:7: d[0]:", "an alias that refers to itself"),
    ]
    for message, facts in zip(messages(text), expected, strict=True):
        assert_contains(message, facts)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("a:\n\tb: 1\n", ["c.yml:2:1:", "a tab; indent with spaces"]),
        (
            "a: b: c\n",
            [
                "c.yml:1:5:",
                "an unexpected ':'",
            ],
        ),
        (
            "a:\n  b: 1\n c: 2\n",
            [
                "c.yml:3:2:",
                "indented by 1",
                "line 1, by 0",
            ],
        ),
        (
            "a: [1, 2\nb: 3\n",
            [
                "c.yml:2:2:",
                "a list without its closing ']'",
                "starts on line 1",
            ],
        ),
        (
            "a: {b: 1\nc: 2\n",
            [
                "c.yml:2:2:",
                "a mapping without its closing '}'",
                "starts on line 1",
            ],
        ),
        (
            "a: 'x\nb: 1\n",
            ["c.yml:3:1:", "a quote without its closing quote", "starts on line 1"],
        ),
        (
            "a: *x\n",
            ["c.yml:1:4:", "the alias *x without an anchor &x above it"],
        ),
        (
            "a: 1\n---\nb: 2\n",
            ["c.yml:2:1:", "a second document ('---')", "one document"],
        ),
        (
            "a: @x\n",
            ["c.yml:1:4:", "a value cannot start with '@'; put it in quotes"],
        ),
        (
            "train_path: {0}/x.txt\n",
            ["c.yml:1:16:", "a value that starts with '{' needs quotes"],
        ),
        (
            'a: "\\q"\n',
            ["c.yml:1:6:", "found unknown escape character 'q'"],
        ),
        ("b: 2\na: \x01\n", ["c.yml:2:", "U+0001"]),
        ("", ["c.yml:", "the file is empty", "the key 'experiment'"]),
        ("# only this\n", ["c.yml:", "the file is empty", "the key 'experiment'"]),
        ("[" * 3000, ["c.yml:", "lists and mappings are nested too deeply"]),
    ],
)
def test_text_that_is_not_yaml(text: str, facts: list[str]) -> None:
    [message] = messages(text)
    assert message.startswith(facts[0])
    assert_contains(message, facts)


def test_aliases_cannot_fill_the_memory() -> None:
    text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    [message] = messages(text)
    assert "not YAML: more than 100000 values, those of aliases included" in message


def test_a_file_is_read_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    path.write_bytes(b"\xef\xbb\xbfa: \xc3\xa9\r\nb: 1\r\n")
    document = read_yaml(path)
    assert document.data == {"a": "é", "b": 1}
    assert document.source == str(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    good = tmp_path / "office.yml"
    good.write_text("a: 1\n")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"a: 1\nb: caf\xe9\n")
    for path, *facts in [
        (tmp_path / "ofice.yml", "no such file", "did you mean 'office.yml'?"),
        (tmp_path / "nowhere" / "c.yml", "no such file"),
        (tmp_path, "a folder", "latin.yaml, office.yml"),
        (latin, ":2:", "0xe9", "UTF-8"),
        (good / "c.yml", "Not a directory"),
    ]:
        with pytest.raises(ConfigError) as caught:
            read_yaml(path)
        assert_contains(str(caught.value), [f"{path}:", *facts])


def test_a_dict_becomes_plain() -> None:
    document = Document.from_dict(
        {
            "lr": np.float64(0.1),
            "grid": np.array([1, 2]),
            "path": Path("data") / "x",
            "pair": (np.int64(1), "a"),
            3: [True],
        }
    )
    assert document.data == {
        "lr": 0.1,
        "grid": [1, 2],
        "path": str(Path("data") / "x"),
        "pair": (1, "a"),
        "3": [True],
    }
    assert type(document.data["lr"]) is float
    assert type(document.data["pair"][0]) is int
    assert document.source == "<dict>"


def test_mappings_that_merge_each_other_are_bounded() -> None:
    lines = ["a0: &a0 {key: 1}"]
    for level in range(1, 12):
        sources = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level}\n  <<: [{sources}]")
    message = refusal(ConfigError, parse_yaml, "\n".join(lines))
    assert_contains(message, ["more than 100000 values"])


def test_a_large_file_is_not_an_experiment(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.yml", b"#" * ((1 << 22) + 1))
    assert_contains(refusal(ConfigError, read_yaml, path), [path, "4,194,304 bytes"])


def test_hexadecimal_numbers_can_be_written_as_text() -> None:
    assert parse_yaml(f"a: 0x{'f' * 4000}").data == {"a": f"0x{'f' * 4000}"}
