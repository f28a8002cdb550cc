"""The forms of recommendation lists: ranks, lists without scores, TREC runs, wide tables; ties."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from helpers import assert_contains, metrics_of_cut_lists, refusal, write_text
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.cli import main
from mmrec.errors import DataError
from mmrec.evaluation import evaluate_file, read_recommendations

LISTS = {"u2": ["b", "a", "c"], "u1": ["c", "d", "a"]}


def lists(path: Path) -> dict[str, list[str]]:
    """The lists of a file, best item first, ties in the order of the rows."""
    frame = read_recommendations(path).sort_values("score", ascending=False, kind="stable")
    return {user: frame["item_id"][frame["user_id"] == user].tolist() for user in LISTS}


def long(*columns: str, separator: str = "\t", backwards: bool = False) -> str:
    """Lines of user, item and other columns, in the order of the lists or against it."""
    lines = [
        separator.join({"user": user, "item": item, "rank": f"{n + 1}"}.get(c, c) for c in columns)
        for user, items in LISTS.items()
        for n, item in enumerate(items)
    ]
    return "\n".join(reversed(lines) if backwards else lines) + "\n"


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("name", ["rank", "Rank", "position", "pos:float", "rank_position"])
def test_the_smallest_rank_is_the_best(name: str, backwards: bool, tmp_path: Path) -> None:
    body = long("rank", "user", "item", separator=",", backwards=backwards)
    assert lists(write_text(tmp_path / "r.csv", f"{name},user_id,item_id\n{body}")) == LISTS


def test_rank_next_to_other_columns(tmp_path: Path) -> None:
    body = long("user", "0.5", "item", "rank", "x", backwards=True)
    path = write_text(tmp_path / "r.tsv", f"user\ttime\titem\trank\tnote\n{body}")
    assert lists(path) == LISTS
    # Equal scores are ordered by the rank.
    assert lists(write_text(path, f"user\tscore\titem\trank\tnote\n{body}")) == LISTS


def test_scores_and_ranks_that_contradict_each_other(tmp_path: Path) -> None:
    body = "u1\ta\t1\t0.5\nu1\tb\t2\t0.5\nu1\tc\t3\t0.9\n"
    path = write_text(tmp_path / "r.tsv", f"user\titem\trank\tscore\n{body}")
    assert_contains(refusal(DataError, read_recommendations, path), ["r.tsv:4", "3", "0.9", "u1"])


@pytest.mark.parametrize("header", ["", "user\titem\n", "userID\titemID\n"])
def test_lists_without_scores_are_in_the_order_of_the_file(header: str, tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.tsv", header + long("user", "item"))
    assert lists(path) == LISTS


def test_json_lists(tmp_path: Path) -> None:
    assert lists(write_text(tmp_path / "r.json", json.dumps(LISTS))) == LISTS


@pytest.mark.parametrize("name", ["distance", "timestamp", "date", "price"])
def test_a_column_of_another_name_is_no_score(name: str, tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.tsv", f"user\titem\t{name}\n" + long("user", "item", "rank"))
    assert_contains(
        refusal(DataError, read_recommendations, path), ["r.tsv:1", name, "'score'", "'rank'"]
    )


@pytest.mark.parametrize("first", [0, 1, 5])
def test_numbers_that_ascend_with_the_lines_are_no_scores(first: int, tmp_path: Path) -> None:
    rows = "".join(f"u{user}\t{item}\t{first + item}\n" for user in (1, 2, 3) for item in range(4))
    path = write_text(tmp_path / "r.tsv", rows)
    message = refusal(DataError, read_recommendations, path)
    assert_contains(message, ["r.tsv:2", "ranks", "header", "'score'", "'rank'"])


def test_ranks_in_another_order_are_no_scores(tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.tsv", "u\ta\t2\nu\tb\t1\nu\tc\t3\nv\ta\t1\nv\tb\t2\n")
    assert_contains(refusal(DataError, read_recommendations, path), ["r.tsv:", "ranks"])


def test_a_header_says_that_ascending_numbers_are_scores(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_text(tmp_path / "r.tsv", "user\titem\tscore\nu\ta\t1\nu\tb\t2\n")
    with caplog.at_level(logging.WARNING):
        frame = read_recommendations(path)
    assert frame["score"].tolist() == [1, 2]
    assert_contains(caplog.text, ["r.tsv:3", "ranks"])


@pytest.mark.parametrize(
    "rows",
    [
        "u\ta\t3\nu\tb\t2\nv\ta\t9\n",  # counts, descending
        "u\ta\t1\nv\ta\t1\nv\tb\t1\n",  # equal
        "u\ta\t1\nv\ta\t1\n",  # one item each
        "u\ta\t0.1\nu\tb\t0.2\n",
        "u\ta\t7\nu\tb\t9\nu\tc\t1\n",
        # The items count from 1, but the numbers cannot be items.
        "u\t1\t0.9\nu\t2\t0.2\n",
        "u\t1\t-1\nu\t2\t-5\n",
        "u\t1\t5\nu\t2\t5\nu\t3\t4\n",
    ],
)
def test_whole_scores_are_read_as_scores(rows: str, tmp_path: Path) -> None:
    frame = read_recommendations(write_text(tmp_path / "r.tsv", rows))
    assert frame["score"].tolist() == [float(row.split("\t")[2]) for row in rows.splitlines()]


@pytest.mark.parametrize(
    ("rows", "is_reported"),
    [
        ("u\ta\t978300760\nu\tb\t978300761\nv\ta\t3\n", True),
        ("u\ta\t0.1\nu\tb\t0.2\n", True),
        ("u\ta\t0.1\nu\tb\t0.2\nv\ta\t3\nv\tb\t0.5\n", False),
        ("user\titem\tscore\nu\ta\t0.1\nu\tb\t0.2\n", True),
        ("user\titem\tscore\nu\ta\t0.1\nu\tb\t0.1\nu\tc\t0.2\n", True),
        ("u\ta\t0.1\nu\tb\t0.1\nu\tc\t0.2\n", True),
        ("user\titem\tscore\nu\ta\t0.2\nu\tb\t0.1\n", False),
        ("u\ta\tinf\nu\tb\tinf\n", False),
    ],
)
def test_numbers_that_ascend_with_the_lines_are_a_warning(
    rows: str, is_reported: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        read_recommendations(write_text(tmp_path / "r.tsv", rows))
    assert ("distances or times" in caplog.text) is is_reported


@pytest.mark.parametrize(
    ("rows", "is_refused"),
    [
        ("u\ta\t1\nu\tb\t1\nu\tc\t2\nv\ta\t1\n", True),  # tied ranks
        ("u\ta\t1\nu\tb\t3\nu\tc\t5\nv\ta\t1\nv\tb\t2\n", True),  # ranks with gaps
        ("u\ta\t5\nu\tb\t1\nu\tc\t3\n", False),  # the same, not sorted
        ("u\ta\t11\nu\tb\t19\nu\tc\t12\n", False),
    ],
)
def test_whole_numbers_that_may_be_ranks(
    rows: str, is_refused: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_text(tmp_path / "r.tsv", rows)
    if is_refused:
        assert_contains(refusal(DataError, read_recommendations, path), ["r.tsv:", "ranks"])
        return
    with caplog.at_level(logging.WARNING):
        read_recommendations(path)
    assert "Are they ranks?" in caplog.text


@pytest.mark.parametrize("rank", ["0.5", "-1", "inf", "1e400"])
def test_a_rank_is_a_whole_number_from_0_up(rank: str, tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.tsv", f"user\titem\trank\nu\ta\t1\nu\tb\t{rank}\n")
    assert_contains(refusal(DataError, read_recommendations, path), ["r.tsv:3", "rank", "'score'"])


@pytest.mark.parametrize(
    ("column", "numbers", "warning"),
    [
        ("rank", (70, 30, 1), "ranks descend"),
        ("rank", (1, 30, 70), ""),
        ("rank", (1, 1, 1), "ranks of a list are equal"),
        ("score", (0.5, 0.5, 0.5), "scores of a list are equal"),
        ("score", (0.5, 0.5, 0.4), ""),
    ],
)
def test_numbers_that_may_have_the_wrong_name(
    column: str,
    numbers: tuple[float, ...],
    warning: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = "".join(f"u\t{item}\t{n}\n" for item, n in zip("abc", numbers, strict=True))
    with caplog.at_level(logging.WARNING):
        read_recommendations(write_text(tmp_path / "r.tsv", f"user\titem\t{column}\n{rows}"))
    assert warning in caplog.text
    assert bool(caplog.text) is bool(warning)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("name", ["r.tsv", "r.csv"])
def test_user_rank_item_without_a_header_is_refused(
    name: str, backwards: bool, first: int, tmp_path: Path
) -> None:
    items = {"1": [7, 3, 12], "2": [3, 40, 1]}
    rows = [
        f"{u}\t{first + n}\t{item}" for u, listed in items.items() for n, item in enumerate(listed)
    ]
    text = "\n".join(reversed(rows) if backwards else rows) + "\n"
    path = write_text(tmp_path / name, text.replace("\t", ",") if name == "r.csv" else text)
    assert_contains(refusal(DataError, read_recommendations, path), ["rank", "header"])
    header = "user,rank,item\n" if name == "r.csv" else "user\trank\titem\n"
    frame = read_recommendations(write_text(path, header + path.read_text()))
    first_items = frame.sort_values("score", ascending=False, kind="stable")["item_id"]
    assert set(first_items[:2]) == {"7", "3"}


def test_several_columns_that_can_be_the_score(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_text(
        tmp_path / "r.tsv", "user\titem\trating\tprediction\nu\ta\t5\t1\nu\tb\t3\t2\n"
    )
    with caplog.at_level(logging.WARNING):
        assert read_recommendations(path)["score"].tolist() == [1, 2]
    assert_contains(caplog.text, ["'rating', 'prediction'", "ordered by 'prediction'"])


TREC = [
    *("u2 Q0 b 1 9.5 tag", "u2 Q0 a 2 9.5 tag", "u2 Q0 c 3 -1 tag"),
    *("u1 Q0 c 1 3e2 tag", "u1 Q0 d 2 2 tag", "u1 Q0 a 3 2 tag"),
]


@pytest.mark.parametrize("separator", [" ", "\t", "   ", " \t"])
@pytest.mark.parametrize("name", ["run.txt", "run.trec", "run"])
def test_a_trec_run(name: str, separator: str, tmp_path: Path) -> None:
    text = "".join(line.replace(" ", separator) + "\n" for line in reversed(TREC))
    assert lists(write_text(tmp_path / name, text)) == LISTS


def test_equal_infinite_scores_of_a_trec_run(tmp_path: Path) -> None:
    path = write_text(tmp_path / "run", "u2 Q0 a 1 inf t\nu2 Q0 b 2 inf t\nu1 Q0 c 0 1 t\n")
    assert lists(path) == {"u2": ["a", "b"], "u1": ["c"]}


def test_the_scores_of_a_trec_run_count(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_text(tmp_path / "run", "u2 Q0 a 1 1 t\nu2 Q0 b 2 5 t\nu1 Q0 c 0 1 t\n")
    with caplog.at_level(logging.WARNING):
        assert lists(path) == {"u2": ["b", "a"], "u1": ["c"]}
    assert_contains(caplog.text, ["run:2", "trec_eval"])
    path = write_text(tmp_path / "run", "u2 Q0 a 1 1 t\nu2 Q0 b x 5 t\n")
    assert_contains(refusal(DataError, read_recommendations, path), ["run:2", "rank", "'x'"])


WIDE = "".join("\t".join([user, *items]) + "\n" for user, items in LISTS.items())


@pytest.mark.parametrize(
    "header",
    [
        "id\ttop_0\ttop_1\ttop_2",  # the toolbox MMRec
        "user_id\t0\t1\t2",
        "user_id:token\titem_1:token\titem_2:token\titem_3:token",
        "uid\t1\t2\t3",
        "\t0\t1\t2",
        "user\trank1\trank2\trank3",
    ],
)
@pytest.mark.parametrize("name", ["topk.tsv", "topk.csv", "topk.txt.csv", "commas.csv"])
def test_wide_tables(name: str, header: str, tmp_path: Path) -> None:
    text = f"{header}\n{WIDE}"
    text = text.replace("\t", ",") if name == "commas.csv" else text
    assert lists(write_text(tmp_path / name, text)) == LISTS


def test_the_columns_of_a_wide_table_have_any_order(tmp_path: Path) -> None:
    rows = "".join(f"{n},{u},{c},{a},{b}\n" for n, (u, (a, b, c)) in enumerate(LISTS.items()))
    path = write_text(tmp_path / "w.csv", f",user_id,top_3,top_1,top_2\n{rows}")
    assert lists(path) == LISTS


def test_shorter_lists_of_a_wide_table_end_with_empty_fields(tmp_path: Path) -> None:
    path = write_text(tmp_path / "w.csv", "id,top_0,top_1\nu2,a,\nu1,,\n")
    assert lists(path) == {"u2": ["a"], "u1": []}
    path = write_text(tmp_path / "w.csv", "id,top_0,top_1\nu2,,a\n")
    assert_contains(refusal(DataError, read_recommendations, path), ["w.csv:2", "empty"])


def test_whole_lists_in_a_column(tmp_path: Path) -> None:
    rows = "".join(f"{user}\t{' '.join(items)}\n" for user, items in LISTS.items())
    path = write_text(tmp_path / "l.inter", f"user_id:token\titem_ids:token_seq\n{rows}")
    assert lists(path) == LISTS
    rows = "".join(f'{user},"{items}"\n' for user, items in LISTS.items())
    assert lists(write_text(tmp_path / "l.csv", f"user,recommendations\n{rows}")) == LISTS


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (WIDE, [":1:", "4 columns", "header"]),
        ("id\ttop_0\ttop_2\n" + WIDE, [":1:"]),
        ("id\titem_1\tscore_1\titem_2\tscore_2\nu\ta\t1\tb\t2\n", [":1:", "5 columns"]),
        ("user\tfilms\nu\ta\n", [":1:", "'user', 'films'"]),
        ("id\ttop_0\ttop_1\nu\ta\n", [":2:", "expected 3", "found 2"]),
        ("id\ttop_0\ttop_1\nu\ta\ta\n", [":2:", "duplicate", "'a'"]),
        ("user\titem\n", ["empty"]),
        ("user\titems\nu\t[('a', 0.9), ('b', 0.5)]\n", [":2:", "list of items", "('a', 0.9)"]),
        ("user\titems\nu\t{'a': 0.9}\n", [":2:", "list of items"]),
        ("u1 a 0.5\n", [":1:", "1 columns"]),
    ],
)
def test_other_forms_are_refused(text: str, facts: list[str], tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.tsv", text)
    assert_contains(refusal(DataError, read_recommendations, path), [path, *facts])


def write_splits(folder: Path, test: str = "1\t9\t1\n2\t3\t1\n") -> list[Path]:
    train = "1\t2\t1\n2\t2\t1\n1\t3\t1\n2\t9\t1\n3\t10\t1\n3\t2\t1\n"
    return [
        write_text(folder / "recs.tsv", "1\t9\t1\n1\t10\t1\n2\t3\t1\n"),
        write_text(folder / "train.tsv", train),
        write_text(folder / "test.tsv", test),
    ]


def test_ties_are_in_the_order_of_the_file(tmp_path: Path) -> None:
    files = write_splits(tmp_path)
    options: dict[str, Any] = {"metrics": ["Recall"], "cutoffs": [1]}
    assert evaluate_file(*files, **options).figures == {"Recall@1": 1}
    write_text(files[0], "1\t10\t1\n1\t9\t1\n2\t3\t1\n")
    assert evaluate_file(*files, **options).figures == {"Recall@1": 0.5}


@pytest.mark.parametrize("cold", ["007", "11", "new", "-5"])
def test_a_row_of_another_user_changes_nothing(cold: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"metrics": metrics_of_cut_lists(), "cutoffs": [1, 2]}
    before = evaluate_file(*write_splits(tmp_path), **options)
    files = write_splits(tmp_path, test=f"1\t9\t1\n2\t3\t1\n3\t{cold}\t1\n")
    write_text(files[0], files[0].read_text() + f"9\t{cold}a\t1\n")
    after = evaluate_file(*files, **options)
    for label, values in before.per_user.items():
        np.testing.assert_array_equal(values[:2], after.per_user[label][:2], label)
    assert after.figures["Recall@1"] == 2 / 3


scored = st.dictionaries(
    st.sampled_from(["2", "3", "9", "10", "new"]), st.integers(-2, 2), min_size=1, max_size=5
)


@settings(max_examples=8, deadline=None)
@given(st.tuples(scored, scored), scored, st.sampled_from(["3", "9", "007", "zz"]))
def test_rows_of_another_user_change_no_figure(
    lists: tuple[dict[str, int], dict[str, int]], other: dict[str, int], held_out: str
) -> None:
    def values(recs: str, test: str) -> dict[str, Any]:
        with TemporaryDirectory() as folder:
            files = write_splits(Path(folder), test=test)
            write_text(files[0], f"user\titem\tscore\n{recs}")
            found = evaluate_file(*files, metrics=["Recall", "nDCG", "MRR"], cutoffs=[1, 3])
        return {label: users[:2] for label, users in found.per_user.items()}

    def rows(user: str, scores: dict[str, int]) -> str:
        return "".join(f"{user}\t{item}\t{score}\n" for item, score in scores.items())

    recs = rows("1", lists[0]) + rows("2", lists[1])
    test = "1\t9\t1\n2\t3\t1\n"
    before = values(recs, test)
    after = values(rows("3", other) + recs + rows("x", other), f"{test}3\t{held_out}\t1\n")
    for label, expected in before.items():
        np.testing.assert_array_equal(after[label], expected, label)
    places = sorted(lists[0], key=lambda item: -lists[0][item])[:3]  # stable: ties by the lines
    np.testing.assert_array_equal(
        before["MRR@3"][0], 1 / (places.index("9") + 1) if "9" in places else 0
    )


def test_the_command_says_what_it_counted(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_text(tmp_path / "recs.tsv", "u0\t1.0\t9\nu0\t2.0\t8\nu9\t1\t3\n")
    write_text(tmp_path / "test.tsv", "u0\t2\t1\nu1\t1\t1\nu7\t1\t1\n")
    write_text(tmp_path / "train.tsv", "u0\t5\t1\nu1\t5\t1\nu0\t1\t1\nu1\t2\t1\n")
    files = [f"--{name}={tmp_path}/{name}.tsv" for name in ("recs", "train", "test")]
    out = tmp_path / "out.json"
    assert main(["evaluate", *files, "--cutoffs", "2", "--json", str(out)]) == 0
    facts = json.loads(out.read_text())
    assert facts["figures"] == {"Recall@2": 0, "nDCG@2": 0}
    assert (facts["users"], facts["users_without_list"]) == (2, 1)
    assert (facts["rows"], facts["test_rows"], facts["ignored_test_rows"]) == (3, 3, 1)
    assert facts["ignored_rows"]["user not in the training split"] == 1
    assert facts["kept_rows"]["item not in the training split"] == 2
    assert any("'1.0' and '1'" in warning for warning in facts["warnings"])
    printed = capsys.readouterr().out
    assert_contains(printed, ["2 of 3 rows", "1 of 3 rows", "1 of 2 users", "1 of 3 test rows"])
    assert_contains(printed, ["lists ordered by the third column, the largest first"])
    assert facts["order"] in printed


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("1\t9\t1\n", "by the third column, the largest first"),
        ("user\titem\tPrediction\n1\t9\t1\n", "by 'Prediction', the largest first"),
        ("user\titem\tpos:float\n1\t9\t1\n", "by 'pos:float', the smallest first"),
        ("1\t9\n", "as in the file"),
        ("id\ttop_0\n1\t9\n", "as in the file"),
        ("1 Q0 9 1 0.5 run\n", "by the scores of the TREC run, the largest first"),
    ],
)
def test_how_lists_were_ordered_is_reported(text: str, order: str, tmp_path: Path) -> None:
    files = write_splits(tmp_path)
    write_text(files[0], text)
    found = evaluate_file(*files, metrics=["Recall"], cutoffs=[1])
    assert found.order == order
    assert f"lists ordered {order}" in found.lines()


def warnings_of(
    folder: Path, recs: str, train: str = "", test: str = "", cutoffs: tuple[int, ...] = (1,)
) -> str:
    files = [
        write_text(folder / f"{name}.tsv", text.replace(" ", "\t"))
        for name, text in (("recs", recs), ("train", train), ("test", test))
    ]
    found = evaluate_file(*files, metrics=["Recall"], cutoffs=list(cutoffs))
    return "\n".join([*found.warnings, *found.lines()])


TRAIN = "11 20 1\n12 21 1\n13 22 1\n14 23 1\n"
TEST = "11 21 1\n12 22 1\n13 23 1\n14 20 1\n"


@pytest.mark.parametrize(
    ("recs", "expected"),
    [
        ("11 2 1\n12 1 1\n13 0 1\n", "items are numbers from 0 to 2"),
        ("0 21 1\n1 22 1\n11 23 1\n", ""),
        ("11 21 1\n12 22 1\n13 23 1\n", ""),
        ("11 99 1\n12 22 1\n13 23 1\n", ""),
        ("11 a 1\n12 1 1\n13 23 1\n", ""),
    ],
)
def test_numbers_of_another_program_are_a_warning(recs: str, expected: str, tmp_path: Path) -> None:
    text = warnings_of(tmp_path, recs, TRAIN, TEST)
    assert ("row numbers of another program" in text) is bool(expected)
    assert expected in text


def test_users_that_count_from_0_are_a_warning(tmp_path: Path) -> None:
    train, test = (text.replace("\n1", "\n")[1:] for text in (TRAIN, TEST))  # users 1 to 4
    text = warnings_of(tmp_path, "0 21 1\n1 22 1\n2 23 1\n3 20 1\n", train, test)
    assert_contains(text, ["users are numbers from 0 to 3", "from 1 to 4"])
    dropped = warnings_of(tmp_path, "0 21 1\n3 22 1\n4 23 1\n", train, test)
    assert "row numbers" not in dropped
    own = warnings_of(tmp_path, "1 21 1\n2 22 1\n3 23 1\n4 20 1\n", train, test)
    assert "row numbers" not in own


def test_rows_that_are_also_in_training_are_reported(tmp_path: Path) -> None:
    fine = warnings_of(tmp_path, TEST, TRAIN, TEST)
    assert "training" not in fine
    unmasked = warnings_of(tmp_path, TRAIN, TRAIN, TEST)
    assert_contains(unmasked, ["recs.tsv: 4 of 4 rows (100%) are also rows of the training split"])
    copied = warnings_of(tmp_path, TEST, TRAIN, TRAIN)
    assert_contains(copied, ["test.tsv: 4 of 4 rows (100%)", "4 of 4 test rows: kept, also"])


@pytest.mark.parametrize("spelling", [" {}", "{}.0", "x{}"])
def test_held_out_items_that_no_list_can_have_are_refused(spelling: str, tmp_path: Path) -> None:
    rows = [row.split() for row in TEST.splitlines()]
    test = "".join(f"{user}\t{spelling.format(item)}\t{rating}\n" for user, item, rating in rows)
    recs, train, held_out = (
        write_text(tmp_path / f"{name}.tsv", text.replace(" ", "\t") if name != "test" else text)
        for name, text in (("recs", TEST), ("train", TRAIN), ("test", test))
    )
    options: dict[str, Any] = {"metrics": ["Recall"], "cutoffs": [1]}
    message = refusal(DataError, lambda: evaluate_file(recs, train, held_out, **options))
    assert_contains(message, ["test.tsv", spelling.format("20"), "'20'", "training"])
    write_text(recs, test)  # untrained items can be in a list
    assert evaluate_file(recs, train, held_out, **options).figures == {"Recall@1": 1}


def test_lists_of_which_most_are_short_are_a_warning(tmp_path: Path) -> None:
    long_list = "11 21 3\n11 22 2\n11 23 1\n"
    text = warnings_of(tmp_path, f"{long_list}12 22 1\n13 23 1\n", TRAIN, TEST, (1, 3))
    assert_contains(text, ["2 of 3 lists have fewer than 3 items", "the shortest 1"])
    text = warnings_of(tmp_path, f"{long_list}12 22 1\n", TRAIN, TEST, (1, 3))
    assert "fewer than" not in text
