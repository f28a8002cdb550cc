"""The key ``report``: example users, and titles and pictures of items."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from mmrec.config.describe import Accepts
from mmrec.config.fields import DISTINCT, Count, Section
from mmrec.config.paths import FilePath

MOST_USERS = 50
"""A page with the lists and pictures of this many users still opens quickly."""


def _id(value: object) -> object:
    """Return an id of digits as text, as in the data."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


UserId = Annotated[str, Field(min_length=1), BeforeValidator(_id, json_schema_input_type=str | int)]
"""As in the files of the data; ids of digits need no quotes."""


class Report(Section):
    """Users whose recommendations the report contains; titles and pictures of items."""

    users: Annotated[
        Annotated[Count, Field(le=MOST_USERS)]
        | Annotated[tuple[UserId, ...], Field(min_length=1, max_length=MOST_USERS), DISTINCT],
        Accepts(f"a number of users from 1 to {MOST_USERS}, or a list of as many ids"),
    ] = 3
    """Number of users, or a list of ids. A number selects users with a relevant test item, evenly
    spaced by their number of training interactions."""
    items: Count = 10
    """Largest number of items of each list; lists have ``top_k`` items."""
    titles: FilePath | None = None
    """File of item id, tab, title."""
    pictures: FilePath | None = None
    """Folder of ``<item id>.png``, ``.jpg``, ``.jpeg`` or ``.webp``; or a file of item id, tab,
    path, where relative paths start at the folder of that file."""
