"""The key ``report``: users whose recommendations the report shows, and what items look like."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from mmrec.config.describe import Accepts
from mmrec.config.fields import Count, Section, repeated
from mmrec.config.paths import FilePath
from mmrec.errors import listing

MOST_USERS = 50
"""So many lists, with their pictures, still make a page that a browser opens at once."""


def _id(value: object) -> object:
    """Read an id of digits as the text that it is in the data."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _differ(value: int | tuple[str, ...]) -> int | tuple[str, ...]:
    twice = [] if isinstance(value, int) else repeated(value)
    if twice:
        raise ValueError(f"found {listing(twice)} twice; accepted: each once")
    return value


UserId = Annotated[str, Field(min_length=1), BeforeValidator(_id)]
"""As in the files of the data; digits need no quotes."""


class Report(Section):
    """Users whose recommendations the report shows, and the names and pictures of items."""

    users: Annotated[
        Annotated[Count, Field(le=MOST_USERS)]
        | Annotated[tuple[UserId, ...], Field(min_length=1, max_length=MOST_USERS)],
        AfterValidator(_differ),
        Accepts(f"how many users, from 1 to {MOST_USERS}, or a list of as many ids"),
    ] = 3
    """How many users are shown, spread evenly over those with a relevant test item by the number
    of their training interactions; or the ids of the users."""
    items: Count = 10
    """How many items of each list are shown, at most; lists are ``top_k`` long."""
    titles: FilePath | None = None
    """File of item id and title, with a tab between."""
    pictures: FilePath | None = None
    """Folder of ``<item id>.png``, ``.jpg``, ``.jpeg`` or ``.webp``; or a file of item id and path,
    with a tab between, where a relative path starts at the folder of that file."""
