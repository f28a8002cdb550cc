"""One entry of ``models`` as written, and where its problems go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from mmrec.config import KeyPath, Problems, Section

_S = TypeVar("_S", bound=Section)


@dataclass(frozen=True)
class Entry:
    """An entry of ``models``. What is wrong with it is added to the problems of the file."""

    key: str
    """Its key in the file, for example ``external.LATTICE``."""
    settings: Mapping[str, Any]
    """Its content as written."""
    problems: Problems

    @property
    def path(self) -> KeyPath:
        """The path of its key in the file."""
        return "experiment", "models", self.key

    def add(self, message: str, *keys: str | int) -> None:
        """Add a problem of the value below these keys; without keys, of the entry itself."""
        self.problems.add((*self.path, *keys), message)

    def read(self, kind: type[_S], value: object, key: str) -> _S | None:
        """Read a section of the entry; None if it has problems, which are added."""
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            self.problems.add_validation_error((*self.path, key), error, kind)
            return None
