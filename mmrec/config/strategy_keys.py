"""Keys of a section that only some values of its key ``strategy`` accept or require."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationInfo
from pydantic_core import PydanticKnownError

from mmrec.errors import listing

Keys = Mapping[str, Sequence[str]]
"""Names of keys by strategy."""


def check_key(value: Any, info: ValidationInfo, takes: Keys, needs: Keys) -> None:  # noqa: ANN401
    """Check a key of a section against its ``strategy``, which precedes it.

    Nothing is checked if the strategy is invalid.

    Args:
        value: of the key; None if it is absent.
        info: contains the name of the key and the strategy.
        takes: optional keys of each strategy.
        needs: required keys of each strategy.

    Raises:
        PydanticKnownError: the strategy requires the key.
        ValueError: the strategy does not accept the key.
    """
    strategy, key = info.data.get("strategy"), str(info.field_name)
    if strategy is None:
        return
    if value is None:
        if key in needs.get(strategy, ()):
            raise PydanticKnownError("missing")
        return
    if key not in takes[strategy]:
        others = [name for name, keys in takes.items() if key in keys]
        raise ValueError(
            f"belongs to strategy: {' or '.join(others)}; strategy: {strategy} accepts "
            f"{listing(takes[strategy]) or 'no other key'}"
        )
