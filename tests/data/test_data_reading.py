"""Split files: the forms that are read, and the messages of invalid files."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from helpers import assert_contains, refusal, write_text
from hypothesis import given
from hypothesis import strategies as st

from mmrec.data import Table, read_split
from mmrec.errors import DataError


@pytest.fixture(autouse=True, scope="module", params=["python", "pyarrow"])
def _storage(request: pytest.FixtureRequest) -> Iterator[None]:
    """Read with pandas as it holds texts where pyarrow is missing, and where it is not."""
    with pd.option_context("mode.string_storage", request.param):
        assert pd.Series(["a"], dtype=str).dtype.storage == request.param
        yield


def read(folder: Path, content: str | bytes) -> Table:
    return read_split(write_text(folder / "train.tsv", content))


def rows(table: Table) -> list[tuple[str, str, float]]:
    columns = (table.frame[name] for name in ("user_id", "item_id", "rating"))
    return list(zip(*columns, strict=True))


@pytest.mark.parametrize(
    ("content", "expected", "has_ratings"),
    [
        ("u\ti\nv\tj\n", [("u", "i", 1.0), ("v", "j", 1.0)], False),
        ("u\ti\t4.5\nv\tj\t-1e-1\n", [("u", "i", 4.5), ("v", "j", -0.1)], True),
        ("u\ti\t4\t964982703\nv\tj\t2\tnoon\n", [("u", "i", 4.0), ("v", "j", 2.0)], True),
        ("u\ti\t\nv\tj\t\n", [("u", "i", 1.0), ("v", "j", 1.0)], False),
        ("u\ti\t\t7\nv\tj\t\t8\n", [("u", "i", 1.0), ("v", "j", 1.0)], False),
        ("u\ti\t4\t\nv\tj\t2\t8\n", [("u", "i", 4.0), ("v", "j", 2.0)], True),
        ("u\ti\t4", [("u", "i", 4.0)], True),
    ],
    ids=[
        "2 columns",
        "3 columns",
        "4 columns",
        "3 unrated",
        "4 unrated",
        "an empty time",
        "no last line end",
    ],
)
def test_forms(
    content: str, expected: list[tuple[str, str, float]], has_ratings: bool, tmp_path: Path
) -> None:
    table = read(tmp_path, content)
    assert rows(table) == expected
    assert (table.has_ratings, table.n_duplicates) == (has_ratings, 0)
    assert table.path == tmp_path / "train.tsv"


def test_ids_are_the_text_of_the_file(tmp_path: Path) -> None:
    ids = ["007", "7", "7.0", "1e3", "NA", "nan", "None", '"quoted"', 'half"', "'", "#1", "Zoë"]
    ids += ["北京", "two words", " led", "trailed ", "a,b", "\\N", "🎬", "\ufffd", "-0"]
    content = "".join(f"{name}\t{name}\t1\n" for name in ids)
    assert rows(read(tmp_path, content)) == [(name, name, 1.0) for name in ids]


def test_a_quotation_mark_does_not_swallow_lines(tmp_path: Path) -> None:
    table = read(tmp_path, 'u\t"i\t1\nv\tj\t2\nw\tk"\t3\n')
    assert rows(table) == [("u", '"i', 1.0), ("v", "j", 2.0), ("w", 'k"', 3.0)]


@pytest.mark.parametrize(
    "content",
    [
        "u\ti\t1\r\nv\tj\t2\r\n",
        "u\ti\t1\rv\tj\t2\r",
        codecs.BOM_UTF8 + b"u\ti\t1\nv\tj\t2\n",
        codecs.BOM_UTF8 + b"u\ti\t1\r\nv\tj\t2",
        "\n\nu\ti\t1\n\n   \nv\tj\t2\n\n \n",
        "\r\nu\ti\t1\r\n\r\nv\tj\t2\r\n",
    ],
    ids=["CRLF", "CR", "BOM", "BOM, CRLF", "blank lines", "blank CRLF lines"],
)
def test_line_ends_byte_order_marks_and_blank_lines(content: str | bytes, tmp_path: Path) -> None:
    assert rows(read(tmp_path, content)) == [("u", "i", 1.0), ("v", "j", 2.0)]


def test_of_repeated_pairs_the_last_counts(tmp_path: Path) -> None:
    table = read(tmp_path, "u\ti\t1\nv\ti\t2\nu\ti\t3\nu\tj\t4\nu\ti\t5\n")
    assert rows(table) == [("v", "i", 2.0), ("u", "j", 4.0), ("u", "i", 5.0)]
    assert table.n_duplicates == 2


def test_a_file_longer_than_one_chunk(tmp_path: Path) -> None:
    n = 30_000
    table = read(tmp_path, "".join(f"{row}\t{row % 7}\t{row % 5}\n" for row in range(n)))
    assert rows(table) == [(str(row), str(row % 7), float(row % 5)) for row in range(n)]


REFUSED = [
    (
        "",
        ["{path}:", "TAB", "file", "empty"],
    ),
    (
        "\n  \n\r\n",
        ["{path}:", "TAB", "file", "empty"],
    ),
    (
        "u\n",
        ["{path}:1:", "'u'", "expected 2", "found 1", "columns", "separated", "tabs"],
    ),
    (
        "\nu,i,1\nv,j,1\n",
        ["{path}:2:", "'u,i,1'", "expected 2", "found 1", "columns", "separated", "tabs"],
    ),
    (
        "u\ti\t1\t2\t3\n",
        [
            "{path}:1:",
            "'u\\ti\\t1\\t2\\t3'",
            "expected 2",
            "found 5",
            "columns",
            "separated",
            "tabs",
        ],
    ),
    (
        "u\ti\t1\n\nv\tj\n",
        ["{path}:3:", "'v\\tj'", "expected 3", "found 2", "columns", "line"],
    ),
    (
        "u\ti\t1\nv\tj\t1\t5\n",
        ["{path}:2:", "'v\\tj\\t1\\t5'", "expected 3", "found 4", "columns", "line"],
    ),
    (
        "u\ti\t1\t5\nv\tj\t1\n",
        ["{path}:2:", "'v\\tj\\t1'", "expected 4", "found 3", "columns", "line"],
    ),
    (
        "u\ti\t\nv\tj\n",
        ["{path}:2:", "'v\\tj'", "expected 3", "found 2", "columns", "line"],
    ),
    (
        "u\ti\nv\n",
        ["{path}:2:", "'v'", "expected 2", "found 1", "columns", "line"],
    ),
    (
        "u\ti\t1\nv\tj\tgood\n",
        ["{path}:2:", "'good'", "'v\\tj\\tgood'", "rating", "finite", "number"],
    ),
    (
        "u\ti\t1\nv\tj\tnan\n",
        ["{path}:2:", "'nan'", "'v\\tj\\tnan'", "rating", "finite", "number"],
    ),
    (
        "u\ti\t1\r\nv\tj\t-inf\r\n",
        ["{path}:2:", "'-inf'", "'v\\tj\\t-inf'", "rating", "finite", "number"],
    ),
    (
        "u\ti\t1\nv\tj\t1e999\n",
        ["{path}:2:", "'1e999'", "'v\\tj\\t1e999'", "rating", "finite", "number"],
    ),
    (
        "u\ti\t1\nv\tj\t1_0\n",
        ["{path}:2:", "'1_0'", "'v\\tj\\t1_0'", "rating", "finite", "number"],
    ),
    (
        "u\ti\t1\nv\tj\t\n",
        ["{path}:2:", "''", "'v\\tj\\t'", "rating", "finite", "number"],
    ),
    (
        "userId\tmovieId\trating\n1\t2\t3\n",
        [
            "{path}:1:",
            "'header: true'",
            "'userId\\tmovieId\\trating'",
            "data_config",
        ],
    ),
    (
        codecs.BOM_UTF8 + b"user\titem\trating\ttime\r\n1\t2\t3\t4\r\n",
        [
            "{path}:1:",
            "'header: true'",
            "'user\\titem\\trating\\ttime'",
            "data_config",
        ],
    ),
    (
        "wer\twas\twie\n1\t2\t3\n",
        [
            "{path}:1:",
            "'wie'",
            "'header: true'",
            "'wer\\twas\\twie'",
            "data_config",
            "rating",
            "finite",
        ],
    ),
    (
        "uid\tiid\n1\t2\n",
        ["{path}:1:", "'header: true'", "'uid\\tiid'", "data_config"],
    ),
    (
        "u\ti\t1\n\tj\t1\n",
        ["{path}:2:", "'\\tj\\t1'", "user", "item", "empty"],
    ),
    (
        "u\ti\nv\t\n",
        ["{path}:2:", "'v\\t'", "user", "item", "empty"],
    ),
    (
        "u\ti\nv\t \n",
        ["{path}:2:", "'v\\t '", "user", "item", "empty"],
    ),
    (
        "\t\t\nu\ti\t1\n",
        ["{path}:1:", "'\\t\\t'", "user", "item", "empty"],
    ),
    (
        "u\ti\n\t\n",
        ["{path}:2:", "'\\t'", "user", "item", "empty"],
    ),
    (
        b"u\ti\t1\nZo\xeb\tj\t1\n",
        ["{path}:2:", "'Zo\\udceb\\tj\\t1'", "UTF-8", "line", "text"],
    ),
    (
        codecs.BOM_UTF16_LE + "u\ti\t1\n".encode("utf-16-le"),
        [
            "{path}:1:",
            "'\\udcff\\udcfeu\\x00\\t\\x00i\\x00\\t\\x001\\x00'",
            "UTF-8",
            "line",
            "text",
        ],
    ),
    (
        f"u\ti\t1\n{'v' * 100}\tj\tbad\n",
        ["{path}:2: the rating 'bad' is not a finite number: '" + "v" * 77 + "...'"],
    ),
]


@pytest.mark.parametrize(("content", "facts"), REFUSED)
def test_refusals(content: str | bytes, facts: list[str], tmp_path: Path) -> None:
    path = write_text(tmp_path / "train.tsv", content)
    message = refusal(DataError, read_split, path).replace(str(path), "{path}")
    assert_contains(message, facts)


def test_bytes_that_are_not_text_are_found_far_down(tmp_path: Path) -> None:
    lines = b"".join(b"%d\ti\t1\n" % row for row in range(9_999))
    path = write_text(tmp_path / "train.tsv", lines + b"\xff\tj\t1\n")
    message = f"{path}:10000: the line is not UTF-8 text: '\\udcff\\tj\\t1'; "
    assert_contains(refusal(DataError, read_split, path), [message, "'encoding: latin-1'"])


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "trian.tsv"
    assert_contains(refusal(DataError, read_split, path), [f"{path}:", "file"])


def test_a_folder(tmp_path: Path) -> None:
    assert_contains(refusal(DataError, read_split, tmp_path), [f"{tmp_path}:"])


# No control characters: a line end inside an id cannot be written in this format.
_ids = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=6
).filter(lambda text: text.strip() == text and not text.startswith("\ufeff"))


@given(
    pairs=st.lists(
        st.tuples(_ids, _ids, st.floats(allow_nan=False, allow_infinity=False)), min_size=1
    ),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_is_written_is_read(
    pairs: list[tuple[str, str, float]], end: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = "".join(f"{user}\t{item}\t{rating!r}{end}" for user, item, rating in pairs)
    table = read(tmp_path_factory.getbasetemp(), content)
    last = {(user, item): rating for user, item, rating in pairs}
    assert sorted(rows(table)) == sorted((*pair, rating) for pair, rating in last.items())
    assert table.n_duplicates == len(pairs) - len(last)
