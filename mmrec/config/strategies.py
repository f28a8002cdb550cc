"""Keys of a section that only some of its strategies take, or need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationInfo
from pydantic_core import PydanticKnownError

from mmrec.errors import listing

Keys = Mapping[str, Sequence[str]]
"""By strategy, names of keys."""


def check_key(value: Any, info: ValidationInfo, takes: Keys, needs: Keys) -> None:  # noqa: ANN401
    """Check one key of a section against its ``strategy``, which stands before it.

    Nothing is said of a section whose strategy is at fault.

    Args:
        value: of the key; None if it is not there.
        info: names the key and holds the strategy.
        takes: the keys that each strategy takes beside those that all of them take.
        needs: those that it cannot do without.

    Raises:
        PydanticKnownError: the strategy needs the key, which is missing.
        ValueError: the strategy does not take the key.
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
            f"belongs to strategy: {' or '.join(others)}; strategy: {strategy} takes "
            f"{listing(takes[strategy]) or 'no key beside it'}"
        )
