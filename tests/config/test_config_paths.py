"""Where the paths of an experiment lead."""

from pathlib import Path

import pytest

from mmrec.config.paths import FileContext, locate


def context(folder: Path, dataset: str | None = "office") -> FileContext:
    return FileContext(folder, dataset, 20)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("../data/{0}/train.txt", ("data", "office", "train.txt")),
        ("data/{0}/image_feat", ("configs", "data", "office", "image_feat")),
        ("{0}/{0}", ("configs", "office", "office")),
        (".", ("configs",)),
        ("./a/../b", ("configs", "b")),
    ],
)
def test_relative_paths_start_at_the_folder(
    tmp_path: Path, text: str, parts: tuple[str, ...]
) -> None:
    assert locate(text, context(tmp_path / "configs")) == tmp_path.joinpath(*parts)


def test_absolute_and_home_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate(f"{tmp_path}/{{0}}", context(Path("/elsewhere"))) == tmp_path / "office"
    assert locate("~/x", context(Path("/elsewhere"))) == tmp_path / "x"


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert locate("x.txt", context(tmp_path / "link")) == tmp_path / "link" / "x.txt"


def test_a_dataset_name_may_hold_braces(tmp_path: Path) -> None:
    assert locate("{0}", context(tmp_path, "a{1}")) == tmp_path / "a{1}"


@pytest.mark.parametrize("text", ["../{1}/x", "{}", "{dataset}/x", "{0", "a}", "{ 0 }", "{{0}}"])
def test_other_braces_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="placeholder") as caught:
        locate(text, context(tmp_path))
    assert str(caught.value) == (
        f"found {text!r}; the only placeholder is {{0}}, the name of the dataset"
    )


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_path_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="found an empty path"):
        locate(text, context(tmp_path))


def test_an_unknown_home_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="found '~nobody-of-this-name/x'; "):
        locate("~nobody-of-this-name/x", context(tmp_path))
