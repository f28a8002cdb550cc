"""How mmrec was installed, and the command that installs more of it."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname


def install_hint(extra: str | None = None) -> str:
    """Return how to install mmrec with an extra, or mmrec with what it requires.

    The command fits how mmrec is installed: by pip or uv, editable or not, from a folder or from
    a repository. mmrec is not on PyPI.
    """
    if extra == "torch-sparse":  # its build imports torch
        return "pip install --no-build-isolation torch-scatter torch-sparse"
    installer, origin = _installation()
    extras = "" if extra is None else f"[{extra}]"
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return f"{installer} 'mmrec{extras} @ {vcs['vcs']}+{origin['url']}@{vcs['commit_id']}'"
    local = origin.get("dir_info")
    editable = "-e " if local and local.get("editable") else ""
    path = "" if local is None else url2pathname(urlsplit(origin["url"]).path)
    target = f"'.{extras}'" if extras else "."
    return f"{installer} {editable}{target} in {path or 'the mmrec source folder'}"


@cache
def _installation() -> tuple[str, dict[str, Any]]:
    """Return the command that installed mmrec, and where from; see PEP 610."""
    try:
        installed = distribution("mmrec")
    except PackageNotFoundError:
        return "pip install", {}
    installer = (installed.read_text("INSTALLER") or "").strip()
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    return "uv pip install" if installer == "uv" else "pip install", origin
