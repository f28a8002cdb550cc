"""The command that installs mmrec with an extra."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import pytest

from mmrec import installation
from mmrec.installation import install_hint

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GIT = {"url": "https://example.org/m.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}


class Installed:
    def __init__(self, installer: str, origin: dict[str, Any] | None) -> None:
        self._texts = {"INSTALLER": f"{installer}\n"}
        if origin is not None:
            self._texts["direct_url.json"] = json.dumps(origin)

    def read_text(self, name: str) -> str | None:
        return self._texts.get(name)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    installation._installation.cache_clear()
    yield
    installation._installation.cache_clear()


@pytest.mark.parametrize(
    ("installer", "origin", "expected"),
    [
        ("pip", None, "pip install '.[ann]' in the mmrec source folder"),
        (
            "pip",
            {"url": "file:///home/a%20b/mmrec", "dir_info": {}},
            "pip install '.[ann]' in /home/a b/mmrec",
        ),
        (
            "uv",
            {"url": "file:///m", "dir_info": {"editable": True}},
            "uv pip install -e '.[ann]' in /m",
        ),
        ("pip", GIT, f"pip install 'mmrec[ann] @ git+https://example.org/m.git@{COMMIT}'"),
    ],
)
def test_an_install_command_fits_the_installation(
    monkeypatch: pytest.MonkeyPatch, installer: str, origin: dict[str, Any] | None, expected: str
) -> None:
    monkeypatch.setattr(installation, "distribution", lambda _: Installed(installer, origin))
    assert install_hint("ann") == expected


def test_an_install_command_without_an_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(installation, "distribution", absent)
    assert install_hint() == "pip install . in the mmrec source folder"
