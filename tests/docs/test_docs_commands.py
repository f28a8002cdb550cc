"""A wrong command in a page is found, whether it would be run or not."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_commands import check
from page_fragments import completed


@pytest.mark.parametrize("may_run", [True, False])
@pytest.mark.parametrize(
    "command",
    [
        "mmrec runs config.yml",
        "mmrec run config.yml --worker-count 2",
        "mmrec show RUN --user 1 --top none",
        "make demos",
        "pip install '.[reports]'",
        "python scripts/make_data.py",
        "python scripts/extract_features.py texts a.tsv --modell m --output b",
    ],
)
def test_what_cannot_be_typed_is_found(command: str, may_run: bool) -> None:
    with pytest.raises(AssertionError):
        check(command, run=Path("run"), user="1", may_run=may_run)


def test_a_command_that_no_test_knows_has_to_be_marked() -> None:
    with pytest.raises(AssertionError, match="mark its block"):
        check("ray stop", run=Path("run"), user="1", may_run=True)
    check("ray stop", run=Path("run"), user="1", may_run=False)


def test_a_command_that_fails_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="exit code 2"):
        check(f"mmrec validate {tmp_path}/none.yml", run=tmp_path, user="1", may_run=True)


def test_a_fragment_is_put_where_its_keys_belong() -> None:
    assert completed({"validation_rate": 2})["experiment"]["models"] == {
        "LATTICE": {"meta": {"validation_rate": 2}}
    }
    assert completed({"cutoffs": [5]})["experiment"]["evaluation"]["cutoffs"] == [5]
    assert completed({"gpu": 0})["experiment"]["gpu"] == 0
    with pytest.raises(AssertionError, match="nowhere"):
        completed({"gpu": 0, "cutoffs": [5]})
