"""Recommendation files: reading, ordering, evaluating, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmrec.data import Vocabulary
from mmrec.errors import DataError
from mmrec.evaluation import FileEvaluation, evaluate_file, ranking_from_frame, read_recommendations

TRAIN = """\
ann 1 5
ann 2 3
bob 2 4
cem 3 4
dan 4 1
"""
TEST = """\
ann 3 5
ann 9 4
bob 1 5
bob 3 2
cem 1 5
zoe 1 5
"""
# ann: 9 is new to training and a hit; 1 is a training item. bob: 3 and 1 tie. cem has no list, dan
# no test items, eve is unknown.
RECS = """\
ann 9 0.9
ann 3 -0.1
ann 1 0.8
ann 4 -7
bob 1 0.001
bob 3 1e-3
dan 1 1
eve 1 1
eve 2 0.5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("train", TRAIN), ("test", TEST), ("recs", RECS)):
        write(tmp_path / f"{name}.tsv", text)
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.write_text(text.replace(" ", "\t"), encoding="utf-8")
    return path


def evaluate(folder: Path, **options: object) -> FileEvaluation:
    files = (folder / f"{name}.tsv" for name in ("recs", "train", "test"))
    settings: dict[str, object] = {"metrics": ["Recall", "MRR", "ARP"], "cutoffs": [1, 3]}
    return evaluate_file(*files, **(settings | options))  # type: ignore[arg-type]


def test_a_file_is_evaluated_as_it_is_given(folder: Path) -> None:
    found = evaluate(folder)
    # ann: [9] 1 [3] of {3, 9}; bob: [1] [3] of {1, 3}; cem: nothing of {1}.
    assert found.figures == pytest.approx(
        {
            "Recall@1": (1 / 2 + 1 / 2 + 0) / 3,
            "Recall@3": (1 + 1 + 0) / 3,
            "MRR@1": (1 + 1 + 0) / 3,
            "MRR@3": (1 + 1 + 0) / 3,
            "ARP@1": (0 + 1) / 2,
            "ARP@3": ((0 + 1 + 1) / 3 + (1 + 1) / 2) / 2,
        }
    )
    np.testing.assert_array_equal(found.per_user["MRR@3"], [1, 1, 0, np.nan])


def test_what_was_done_with_the_rows_is_reported(folder: Path) -> None:
    found = evaluate(folder)
    assert (found.n_users, found.n_users_without_list) == (3, 1)
    assert found.n_rows == 9
    assert found.ignored_rows == {
        "user not in the training split": 2,
        "user without test items": 1,
        "past the last cutoff": 1,
    }
    assert found.kept_rows == {
        "item of the user's training items": 1,
        "item not in the training split": 1,
    }
    assert found.ignored_test_rows == 1


def test_relevance_threshold_and_binarize(folder: Path) -> None:
    assert evaluate(folder, relevance_threshold=5).figures["Recall@3"] == pytest.approx(2 / 3)
    assert evaluate(folder, relevance_threshold=5).figures["Recall@1"] == pytest.approx(1 / 3)
    with pytest.raises(DataError, match="threshold 5"):
        evaluate(folder, relevance_threshold=5, binarize=True)
    assert evaluate(folder, relevance_threshold=1, binarize=True).n_users == 3


def test_files_without_common_users_are_an_error(folder: Path) -> None:
    write(folder / "recs.tsv", "1 1 1\n2 1 1\n")
    with pytest.raises(DataError, match=r"recs\.tsv: .* 1, 2, .* ann, bob"):
        evaluate(folder)


def test_ids_are_text_and_rows_keep_their_line(tmp_path: Path) -> None:
    path = write(tmp_path / "recs.tsv", '\ufeff007 NA 1\n\n7 "b -inf\n7 null 2e400')
    frame = read_recommendations(path)
    assert frame["user_id"].tolist() == ["007", "7", "7"]
    assert frame["item_id"].tolist() == ["NA", '"b', "null"]
    assert frame["score"].tolist() == [1, -np.inf, np.inf]
    assert frame.index.tolist() == [1, 3, 4]


def test_lists_are_ordered_by_score_then_by_the_file() -> None:
    rows = [("v", "3", 1), ("u", "9", 2), ("u", "10", 2), ("u", "1", 3), ("?", "1", 9)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "score"])
    ranking = ranking_from_frame(
        frame, Vocabulary(["u", "v", "w"]), Vocabulary(["1", "3", "10", "9"]), 4
    )
    assert ranking.items.tolist() == [[0, 2, 3, -1], [1, -1, -1, -1], [-1] * 4]
    np.testing.assert_array_equal(
        ranking.scores[:2], np.array([[3, 2, 2, -np.inf], [1] + [-np.inf] * 3], np.float32)
    )
    assert (ranking.items.dtype, ranking.scores.dtype) == (np.int64, np.float32)


def test_long_lists_are_cut_and_an_unknown_item_keeps_its_place() -> None:
    rows = [("u", "new", 3), ("u", "a", 2), ("u", "b", 1e300), ("u", "c", 0)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "score"])
    ranking = ranking_from_frame(frame, Vocabulary(["u"]), Vocabulary(["a", "b", "c"]), 3)
    assert ranking.items.tolist() == [[1, -1, 0]]
    assert ranking.scores.tolist() == [[np.inf, 3, 2]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": .* empty"),
        ("\n\n", ": .* empty"),
        ("u i s\n", r":1: .* 's'.*header"),
        ("user item score\n", ": .* empty"),
        ("user item a b\nu i 1 2\n", r":1: .*header"),
        ("user uid item score\n1 2 3 4\n", r":1: .*header"),
        ("a b 1\na c\n", r":2: expected 3 .* found 2: 'a\\tc'"),
        ("a b 1\n\na c 1 1\n", r":3: expected 3 .* found 4"),
        ("a b 1\na c x\n", r":2: .*number.*score.* 'x'$"),
        ("a b 1\na c nan\n", r":2: .*number.*score.* 'nan'"),
        ("a b 1\n  1\n", r":2: .*empty"),
        ("a b 1\nc b 1\n\na b 2\n", r":4: .* line 1: user 'a', item 'b'"),
    ],
)
def test_malformed_files_are_errors(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "recs.tsv", text)
    with pytest.raises(DataError, match=message) as error:
        read_recommendations(path)
    assert str(error.value).startswith(str(path))


def test_files_that_cannot_be_read_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing: no such file"):
        read_recommendations(tmp_path / "missing")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_recommendations(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"binary:1: .* not UTF-8"):
        read_recommendations(tmp_path / "binary")


LISTS = [("ann", "x", "0.5"), ("bob", "y", "-1")]


def in_form(header: tuple[str, ...], order: tuple[int, ...], separator: str) -> str:
    lines = [separator.join(row[place] for place in order) for row in LISTS]
    return "\n".join([separator.join(header)] * bool(header) + lines) + "\n"


@pytest.mark.parametrize(
    ("name", "header", "order"),
    [
        ("recs.txt", (), (0, 1, 2)),
        ("recs.csv", (), (0, 1, 2)),
        ("recs.tsv", ("user", "item", "score"), (0, 1, 2)),
        ("recs.csv", ("user_id", "item_id", "relevance"), (0, 1, 2)),
        ("recs.csv.gz", ("Score", "ItemID", "UserID"), (2, 1, 0)),
        ("recs.inter", ("item_id:token", "user_id:token", "score:float"), (1, 0, 2)),
        ("recs.tsv", ("user", "item", "rank", "prediction"), (0, 1, 2, 2)),
    ],
)
def test_lists_are_read_in_the_forms_of_splits(
    name: str, header: tuple[str, ...], order: tuple[int, ...], tmp_path: Path
) -> None:
    path = tmp_path / name
    content = in_form(header, order, "," if ".csv" in name else "\t").encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    frame = read_recommendations(path)
    assert list(frame["user_id"]) == ["ann", "bob"]
    assert list(frame["item_id"]) == ["x", "y"]
    assert list(frame["score"]) == [0.5, -1]
    assert frame.index[0] == 1 + bool(header)


def test_quoted_fields_and_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "recs.csv"
    path.write_text('"a, b",x,1\n\n"c ""d""",y,2\nc,y,z\n')
    with pytest.raises(DataError, match=r"recs\.csv:4: expected a number as the score"):
        read_recommendations(path)
    path.write_text('"a, b",x,1\n\n"c ""d""",y,2\n')
    assert list(read_recommendations(path)["user_id"]) == ["a, b", 'c "d"']


def test_ids_that_are_the_names_of_columns(tmp_path: Path) -> None:
    frame = read_recommendations(write(tmp_path / "recs.tsv", "user item 1\nu i 2\n"))
    assert list(frame["user_id"]) == ["user", "u"]


def test_a_damaged_gzip_stream_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "recs.tsv.gz"
    path.write_bytes(gzip.compress(b"ann\tx\t1\n" * 99)[:-9])
    with pytest.raises(DataError, match="gzip stream cannot be read"):
        read_recommendations(path)


def test_splits_have_the_forms_of_an_experiment(folder: Path) -> None:
    expected = evaluate(folder).figures
    for name in ("train", "test"):
        rows = (folder / f"{name}.tsv").read_text().replace("\t", ",")
        (folder / f"{name}.csv").write_text("userID,itemID,rating\n" + rows)
    settings = {"metrics": ["Recall", "MRR"], "cutoffs": [1, 3]}
    files = [folder / name for name in ("recs.tsv", "train.csv", "test.csv")]
    found = evaluate_file(*files, **settings).figures  # type: ignore[arg-type]
    assert found == {label: expected[label] for label in found}
    labelled = "userID\titemID\trating\tx_label\n"
    for label, name in ((0, "train"), (2, "test")):
        for row in (folder / f"{name}.tsv").read_text().splitlines():
            labelled += f"{row}\t{label}\n"
    both = folder / "both.inter"
    both.write_text(labelled)
    again = evaluate_file(files[0], both, both, **settings).figures  # type: ignore[arg-type]
    assert again == found


def test_a_first_line_that_is_not_a_row_is_reported(folder: Path) -> None:
    (folder / "test.tsv").write_text("u\ti\tr\nann\tx\t1\n")
    with pytest.raises(DataError, match=r"test\.tsv:1: .*; if this line names the columns, call"):
        evaluate(folder)


def test_cutoffs_beyond_the_lists_are_a_warning(folder: Path) -> None:
    def warned(*cutoffs: int) -> list[str]:
        found = evaluate(folder, cutoffs=list(cutoffs))
        return [text for text in found.warnings if "longest list" in text]

    assert warned(1, 4) == []
    (text,) = warned(2, 5, 10)  # the list of ann has four items
    assert "4 items" in text
    assert "5, 10" in text


def test_lists_for_few_of_the_users_are_a_warning(folder: Path) -> None:
    def warned() -> list[str]:
        return [text for text in evaluate(folder).warnings if "only" in text]

    assert warned() == []  # two of three users have a list
    write(folder / "recs.tsv", "ann 9 0.9\n")
    (text,) = warned()
    assert "only 1 of 3 users" in text
