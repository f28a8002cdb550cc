"""The splits of Amazon Office, and the lists that reference evaluators were recorded with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mmrec.data import Interactions, Vocabulary, read_split
from mmrec.evaluation import Ids, Ranking

SHARED = Path(__file__).parents[1].parent / "shared"
OFFICE = SHARED / "data" / "office"
LISTS = SHARED / "reference" / "metrics" / "metrics_lightgcnm.npz"


class Office:
    """The splits and the recorded lists of Office."""

    def __init__(self) -> None:
        train, test = (read_split(OFFICE / f"{name}.txt").frame for name in ("train", "test"))
        self.ids = Ids(Vocabulary(train["user_id"]), Vocabulary(train["item_id"]))
        self.train, self.test = self.number(train), self.number(test)
        with np.load(LISTS) as lists:
            assert [str(user) for user in lists["user"]] == self.ids.users.ids
            texts = lists["item"].ravel().astype(str)
            items = self.ids.items.numbers(texts).reshape(lists["item"].shape)
            self.lists = Ranking(items, lists["score"])

    def number(self, frame: pd.DataFrame) -> Interactions:
        users, items = self.ids
        frame = frame[frame["item_id"].isin(items.ids)]  # as the reference was run
        return Interactions.from_arrays(
            users.numbers(frame["user_id"]),
            items.numbers(frame["item_id"]),
            len(users),
            len(items),
            frame["rating"].to_numpy(),
        )

    def short(self) -> Ranking:
        """User u keeps the first 1 + (7 * u mod 20) items."""
        kept = 1 + 7 * np.array(self.ids.users.ids, np.int64) % 20
        is_kept = np.arange(20) < kept[:, None]
        return Ranking(
            np.where(is_kept, self.lists.items, -1),
            np.where(is_kept, self.lists.scores, -np.inf).astype(np.float32),
        )

    def complete(self, n_users: int) -> tuple[Interactions, Ranking]:
        """The first users with their lists, which the other candidates follow by ascending id."""
        n_items = len(self.ids.items)
        items = np.full((len(self.ids.users), n_items), -1, np.int64)
        offsets = self.train.offsets
        for user in range(n_users):
            listed = self.lists.items[user]
            known = self.train.items[offsets[user] : offsets[user + 1]]
            others = np.setdiff1d(np.arange(n_items), np.concatenate([listed, known]))
            items[user, : 20 + len(others)] = np.concatenate([listed, others])
        rows, test = self.test.users < n_users, self.test
        held_out = Interactions(
            test.users[rows], test.items[rows], test.ratings[rows], len(items), n_items
        )
        return held_out, Ranking(items, np.zeros(items.shape, np.float32))
