"""Running the commands of a page in a sandbox, or at least reading their arguments."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import runpy
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from helpers import ROOT
from page_blocks import Block

from mmrec.cli import main

QUICK = (
    "validate",
    "doctor",
    "schema",
    "convert",
    "new-model",
    "evaluate",
    "report",
    "show",
    "verify",
    "diff",
    "compare",
)
"""Commands that take less than five seconds, and are run."""

RUN = re.compile(r"(?:[\w./-]*/)?run_\d{4}(?:_\d\d){5}|\bRUN(?:_[AB])?\b")


class Parsed(BaseException):
    """The arguments were accepted; not an Exception, so that nobody catches it."""


def commands_of(block: Block) -> Iterator[str]:
    """Yield the commands: all lines of ``bash``; of ``console`` those behind ``$``."""
    text = block.text.replace("\\\n", " ")
    for line in text.splitlines():
        if block.language == "console":
            if line.startswith("$ "):
                yield line[2:].strip()
        elif line.strip() and not line.strip().startswith("#"):
            yield line.strip()


def check(command: str, *, run: Path, user: str, may_run: bool) -> None:
    """Run a command, or read its arguments where it takes long or ``may_run`` is false.

    Args:
        command: a line of a shell.
        run: takes the place of the run that the page names.
        user: takes the place of the user that the page names.
        may_run: whether it stands in no block that is marked ``not run``.

    Raises:
        AssertionError: it failed, or its arguments are not accepted.
    """
    command = re.sub(r"--user \w+", f"--user {user}", RUN.sub(str(run), command))
    words = shlex.split(command, comments=True)
    while re.match(r"[A-Z_]+=", words[0]):
        del words[0]
    if words[-1] == "&":
        del words[-1]
    if words[0] == "mmrec":
        _mmrec(words[1:], may_run and words[1] in QUICK)
    elif words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(words[1:]) <= set(targets), f"no such target: {command}"
    elif words[:2] == ["pip", "install"]:
        _pip(words)
    elif words[0] == "python" and words[1].startswith("scripts/"):
        _script(words[1:])
    else:
        reported = "no test knows this command; mark its block <!-- not run: the reason -->"
        assert not may_run, f"{reported}: {command}"


def _mmrec(arguments: list[str], is_run: bool) -> None:
    reported = f"mmrec {' '.join(arguments)}"
    with _only_parsing():
        _accepted(lambda: main(arguments), reported)
    if not is_run:
        return
    errors = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        code = main(arguments)
    assert code == 0, f"{reported}: exit code {code}: {errors.getvalue()}"


def _script(words: list[str]) -> None:
    script = ROOT / words[0]
    assert script.is_file(), f"no such script: {words[0]}"
    arguments = words[1:]
    if "argparse" not in script.read_text() or "..." in arguments:
        return
    with (
        _only_parsing(),
        mock.patch.object(sys, "argv", [str(script), *arguments]),
        mock.patch.object(sys, "path", [str(script.parent), *sys.path]),
    ):
        _accepted(lambda: runpy.run_path(str(script), run_name="__main__"), " ".join(words))


def _accepted(parse: Callable[[], object], reported: str) -> None:
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            parse()
    except Parsed:
        return
    except SystemExit as end:
        if end.code:
            raise AssertionError(f"{reported}: {errors.getvalue()}") from end
        return  # --help and --version
    raise AssertionError(f"{reported}: read no arguments")


@contextlib.contextmanager
def _only_parsing() -> Iterator[None]:
    original = argparse.ArgumentParser.parse_args

    def parse(self: argparse.ArgumentParser, *args: object, **kwargs: object) -> None:
        original(self, *args, **kwargs)
        raise Parsed

    with (
        mock.patch.object(argparse.ArgumentParser, "parse_args", parse),
        mock.patch("mmrec.cli.log_to_terminal", side_effect=Parsed),  # follows the parsing there
    ):
        yield


def _pip(words: list[str]) -> None:
    """Check that the extras that are asked for exist."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extras in re.findall(r"(?:^| )(?:mmrec|\.)\[([^\]]*)\]", " ".join(words)):
        unknown = set(extras.split(",")) - set(project["optional-dependencies"])
        assert not unknown, f"no such extra: {unknown}"
