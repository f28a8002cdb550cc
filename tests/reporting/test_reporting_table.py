"""Tables as text, CSV and LaTeX, and distributions over users."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec.reporting.comparing.tables import markdown
from mmrec.reporting.run_tables import make_frame, readable
from mmrec.reporting.sections.users import share_at_most, value_grid
from mmrec.reporting.table import (
    Cell,
    count,
    decimal,
    digest,
    make_table,
    p_value,
    parameter,
    seconds,
    share,
    tenths,
)


def test_csv_has_all_digits_and_columns_for_marks_and_intervals() -> None:
    marked = Cell("0.1235", "0.12345", "number", mark="*", spread=0.25, data="0.12345")
    rows = [["a, b", marked, digest("f" * 64)], ["c", None, Cell("x", span=1)]]
    assert make_table("T.", ["model", "R", "weights"], rows).to_csv().splitlines() == [
        "model,R,R mark,R std,weights",
        f'"a, b",0.12345,*,0.25,{"f" * 64}',
        "c,,,,x",
    ]


def test_the_data_frame_has_the_columns_and_the_digits_of_csv() -> None:
    marked = Cell("0.1235", "0.12345", "number", mark="*", spread=0.25, data="0.12345")
    rows = [["007", marked, 3, "40, 50"], ["nan", None, 1000, 0]]
    frame = make_table("T.", ["model", "R", "n", "epochs"], rows).frame
    assert list(frame) == ["model", "R", "R mark", "R std", "n", "epochs"]
    assert frame["model"].tolist() == ["007", "nan"]
    assert frame["R"].isna().tolist() == frame["R std"].isna().tolist() == [False, True]
    assert (frame["R"][0], frame["R std"][0], frame["R mark"][0]) == (0.12345, 0.25, "*")
    assert frame["n"].tolist() == [3, 1000]
    assert frame["epochs"].tolist() == ["40, 50", "0"]


def test_a_table_is_printed_as_a_reader_sees_it() -> None:
    marked = Cell("0.5", kind="number", mark="*", spread=0.25)
    table = make_table("T < U.", ["model", "R"], [["<a>", marked], ["b", None]])
    caption, _, *lines = repr(table).splitlines()
    assert caption == "T < U."
    assert [" ".join(line.split()) for line in lines[:2]] == ["model R", "<a> 0.5* ± 0.2"]
    assert table._repr_html_().startswith("<p>T &lt; U.</p>")
    assert "<td>&lt;a&gt;</td>" in table._repr_html_()


def test_latex_escapes_aligns_and_spans() -> None:
    rows = [["a_b & 5 %", Cell("1.5", kind="number", strong=True, mark="*")], [Cell("x", span=2)]]
    lines = make_table(r"50 % of \x.", ["model", "R"], rows).to_latex().splitlines()
    assert lines[2] == r"\caption{50 \% of \textbackslash{}x.}"
    assert lines[3] == r"\begin{tabular}{lr}"
    assert lines[7] == r"a\_b \& 5 \% & \textbf{1.5}\rlap{\textsuperscript{*}} \\"
    assert lines[8] == r"x &  \\"
    row = make_table("T.", ["p"], [["< 0.1 > † ~ ^ { } # $ %"]]).to_latex().splitlines()[7]
    signs = r"\textdagger{} \textasciitilde{} \textasciicircum{} \{ \} \# \$ \%"
    assert row == rf"$<$ 0.1 $>$ {signs} \\"


def test_only_the_mark_of_a_number_takes_no_space_in_latex() -> None:
    marked = [Cell("a", mark="*"), Cell("0.50", kind="number", mark="*", spread=0.25)]
    row = make_table("T.", ["model", "R"], [marked]).to_latex().splitlines()[7]
    mark = r"\textsuperscript{*}"
    assert row == rf"a{mark} & 0.50{mark} {{\scriptsize$\pm$0.25}} \\"


def test_a_parameter_has_all_digits_on_hover() -> None:
    assert parameter(0.1) == Cell("0.1", kind="number")
    assert parameter(1 / 3) == Cell("0.333333", str(1 / 3), "number")
    assert parameter((64, 32)) == Cell("64, 32", "(64, 32)")


def test_latex_has_a_label_without_special_characters() -> None:
    table = make_table("T.", ["model"], [["a"]])
    assert "label" not in table.to_latex()
    lines = replace(table, label="my_data paired_ttest (over users)").to_latex().splitlines()
    assert lines[2:4] == [r"\caption{T.}", r"\label{tab:my-data-paired-ttest-over-users}"]


@pytest.mark.parametrize("name", ["[64, 32]", "*"])
def test_no_row_of_latex_is_an_argument_of_the_one_before(name: str) -> None:
    lines = make_table("T.", ["model", "R"], [["a", 1], [name, 2]]).to_latex().splitlines()
    (row,) = (line for line in lines if name in line)
    assert row.startswith("{}")


def test_markdown_has_neither_html_nor_links_of_names() -> None:
    rows = [["<img src=x>", "a|b [x](y)\n`c`\\", 1]]
    *_, head, _, row = markdown(make_table("T.", ["<b>", "model", "R"], rows)).splitlines()
    assert head == r"| \<b> | model | R |"
    assert row == r"| \<img src=x> | a\|b \[x](y) \`c\`\\ | 1 |"


@given(st.text(min_size=1))
def test_any_text_survives_csv_and_never_ends_a_line_of_latex(text: str) -> None:
    written = make_table(text, [text, "b"], [[text, 1.5]])
    if "\x00" not in text:
        rows = list(csv.reader(io.StringIO(written.to_csv(), newline="")))
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        assert rows == [[lines, "b"], [lines, "1.5"]]
    assert len(written.to_latex().split("\n")) == 12


def texts(*column: object) -> list[str]:
    return [row[0].text for row in make_table("T.", ["x"], [[value] for value in column]).rows]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([0.5, 1.0, 465.0], ["0.5000", "1.0000", "465.0000"]),
        ([3, 3.0127], ["3.0000", "3.0127"]),
        ([3.0, 465.0, float("nan")], ["3", "465", "\N{EN DASH}"]),
        ([0.0, 1.0], ["0.0000", "1.0000"]),
        ([36.0, 292.5], ["36.0", "292.5"]),
        ([10.0, 292.5], ["10.0", "292.5"]),
        ([9.0, 292.5], ["9.0000", "292.5000"]),
        ([True, 36.0, 292.5], ["True", "36.0", "292.5"]),
        ([36.25, 292.5], ["36.2500", "292.5000"]),
        ([12345, np.int64(2), None], ["12,345", "2", "\N{EN DASH}"]),
        ([float("nan"), float("inf")], ["\N{EN DASH}", "inf"]),
        ([seconds(3.0), seconds(None), seconds(3.0127)], ["3.0", "\N{EN DASH}", "3.0"]),
        (["a", True, 2], ["a", "True", "2"]),
    ],
)
def test_the_column_decides_the_format_of_numbers(column: list[object], expected: list[str]):
    assert texts(*column) == expected


@pytest.mark.parametrize("form", [count, decimal, tenths, share])
@pytest.mark.parametrize("value", [None, float("nan")])
def test_no_value_is_a_dash_and_an_empty_field(form: Callable[..., Cell], value: float | None):
    assert (form(value).text, form(value).data) == ("\N{EN DASH}", "")


@pytest.mark.parametrize(
    ("value", "text", "strong"),
    [
        (9e-5, "< 0.0001", True),
        (1e-4, "0.0001", True),
        (0.0499, "0.0499", True),
        (0.05, "0.0500", False),
    ],
)
def test_a_p_value_is_strong_below_5_percent(value: float, text: str, strong: bool):
    assert (p_value(value).text, p_value(value).strong) == (text, strong)


def test_a_share_is_in_percent_and_its_data_a_number():
    assert (share(1 / 3).text, share(1 / 3).data) == ("33.3%", str(1 / 3))


def test_data_has_all_digits_of_numbers():
    table = make_table("T.", ["x", "n"], [[465.0, 12345], [1 / 3, None]])
    assert table.to_csv() == f"x,n\n465.0,12345\n{1 / 3!r},\n"


def test_integers_of_a_frame_stay_integers_where_a_row_has_no_value():
    rows = [{"n": 512, "lr": 0.1, "seed": 2**60 + 1}, {"n": None, "lr": None}, {"n": 3, "lr": 2.0}]
    text = make_frame(rows).to_csv(sep=" ", index=False)
    assert text.splitlines() == ["n lr seed", f"512 0.1 {2**60 + 1}", "  ", "3 2.0 "]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([21.0, 465.0], ["21", "465"]),
        ([21.0, None], ["21", ""]),
        ([21.0, float("nan")], ["21", ""]),
        ([np.float64(21), 0.0], ["21", "0"]),
        ([21.0, 0.1 + 0.2], ["21.0", "0.30000000000000004"]),
        ([1.0, 0.0], ["1.0", "0.0"]),  # may be shares
        ([2.0**53, 2.0], ["9007199254740992.0", "2.0"]),
        ([3.0, float("inf")], ["3.0", "inf"]),
        ([2, 2.5], ["2.0", "2.5"]),
        ([True, False], ["True", "False"]),
    ],
)
def test_counts_of_a_frame_are_written_as_integers(column: list[object], expected: list[str]):
    written = make_frame([{"m": "x", "n": value} for value in column]).to_csv(sep="\t")
    assert [line.split("\t")[2] for line in written.splitlines()[1:]] == expected


def test_results_are_printed_with_counts_and_without_nan():
    frame = readable(make_frame([{"m": "a", "seeds": 3, "C": 21.0}, {"m": "b", "C": 465.0}]))
    assert frame.to_numpy().tolist() == [["a", "3", "21"], ["b", "\N{EN DASH}", "465"]]


def test_a_model_with_seeds_is_printed_by_its_mean_and_deviation() -> None:
    seeds = {"seeds": 2, "R mean": 0.5, "R std": 0.25, "R low": 0.1, "R high": 0.9}
    seeds |= {"C mean": 292.5, "C std": 0.71, "C low": 286.0, "C high": 298.0}
    rows = [
        {"model": "a", "best_epoch": 0, "R": 0.2, "C": 36.0, "validation R": 0.3},
        {"model": "b", "best_epoch": 7, "R": 0.4, "C": 292.0, "validation R": 0.6, **seeds},
    ]
    texts = readable(make_frame(rows))
    missing = "\N{EN DASH}"
    assert list(texts) == ["model", "best_epoch", "R", "C", "validation R", "seeds"]
    assert texts.to_numpy().tolist() == [
        ["a", "0", "0.2000", "36.0", "0.3000", missing],
        ["b", missing, "0.5000 ± 0.2500", "292.5 ± 0.7", missing, "2"],
    ]


def test_a_spread_has_the_decimals_of_its_value() -> None:
    rows = [["a", Cell(text, kind="number", spread=2.82843)] for text in ("0.5000", "292.5", "244")]
    table = make_table("T.", ["model", "R"], rows)
    lines = [x for x in table.to_latex().splitlines() if "pm" in x]
    assert [x.partition("pm$")[2].partition("}")[0] for x in lines] == ["2.8284", "2.8", "2.8"]
    assert "a,244,2.82843" in table.to_csv()


@given(st.lists(st.sampled_from([0.0, 0.1, 1 / 3, 0.3, 0.5, 1.0, np.nan]), min_size=1))
def test_shares_of_users_agree_with_counting(values: list[float]) -> None:
    of_users = np.array(values)
    grid = value_grid([of_users])
    known = of_users[~np.isnan(of_users)]
    shares = share_at_most(of_users, grid)
    if not len(known):
        assert np.isnan(shares).all()
        return
    assert shares[-1] == 1
    slack = (grid[1] - grid[0]) / 1000
    np.testing.assert_allclose(shares, [np.mean(known <= value + slack) for value in grid])
