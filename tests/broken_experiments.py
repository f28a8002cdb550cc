"""The experiment files of ``config/broken_configs.yml``: a right one, and changes that break it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_FILE = yaml.safe_load((Path(__file__).parent / "config" / "broken_configs.yml").read_text())
BASE: str = _FILE["base"]
CASES: dict[str, dict[str, Any]] = _FILE["cases"]


def broken(name: str) -> str:
    """Return the text of the case of this name."""
    text = BASE
    for old, new in CASES[name]["change"].items():
        assert text.count(old) >= 1, f"the base has no {old!r}"
        text = text.replace(old, new)
    return text
