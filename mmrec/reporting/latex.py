"""Text and tables in LaTeX, for the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_SPECIAL |= {"<": "$<$", ">": "$>$", "†": r"\textdagger{}"}


def escaped(text: str) -> str:
    """Return a text without characters that LaTeX would read as commands."""
    text = re.sub(r"\s+", " ", text)
    return re.sub(r"[&%$#_{}~^<>†\\]", lambda found: _SPECIAL.get(found[0], f"\\{found[0]}"), text)


def table_environment(
    rows: Sequence[Sequence[str]],
    *,
    caption: str,
    label: str,
    are_numbers: Sequence[bool],
    rules: Collection[int],
) -> str:
    r"""Return a ``table`` environment.

    Args:
        rows: the cells of each row in LaTeX, the header first.
        caption: the caption, as plain text.
        label: of the table, without ``tab:``; none if empty.
        are_numbers: whether a column is aligned at its right side.
        rules: the rows below the header that a line separates from the row above, from 0.
    """
    sides = "".join("r" if is_number else "l" for is_number in are_numbers)
    head, *lines = (" & ".join(row) + r" \\" for row in rows)
    # LaTeX would read a bracket or a star after the end of a row as an argument of it.
    lines = [f"{{}}{line}" if line.startswith(("[", "*")) else line for line in lines]
    lines = [f"\\midrule\n{line}" if n in rules else line for n, line in enumerate(lines)]
    name = re.sub(r"[^0-9A-Za-z]+", "-", label).strip("-")
    parts = [
        *(r"\begin{table}", r"\centering", rf"\caption{{{escaped(caption)}}}"),
        *([rf"\label{{tab:{name}}}"] if label else []),
        *(rf"\begin{{tabular}}{{{sides}}}", r"\toprule", head, r"\midrule", *lines),
        *(r"\bottomrule", r"\end{tabular}", r"\end{table}"),
    ]
    return "\n".join(parts) + "\n"
