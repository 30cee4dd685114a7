"""Whose document it becomes."""

import csv
from pathlib import Path

from django.contrib.auth.models import User

from documents.errors import SourceRefused
from documents.services.adopting.names import Told

# Of ids that were looked up; a vault has far fewer people than documents.
_REMEMBERED = 100_000


class Owners:
    """Finds the person for what a path says. For any number of threads.

    Without ``mapped`` the id in a path is the id of a person here. With it, old id → user name, that alone counts: the
    same number may be somebody else's. ``fallback`` owns what names nobody; with ``to_system`` the system owns what
    has no owner here.
    """

    def __init__(
        self, mapped: dict[int, str] | None = None, *, fallback: User | None = None, to_system: bool = False
    ) -> None:
        self._mapped, self._fallback, self._to_system = mapped, fallback, to_system
        self._found: dict[int, User | None] = {}

    def owner_of(self, told: Told) -> User | None:
        """Return the person, or None for the system. Raises SourceRefused where there is none."""
        if told.owner_id is None:
            return self._of_nobody(told)
        if told.owner_id not in self._found:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            self._found[told.owner_id] = self._look_up(told.owner_id)
        owner = self._found[told.owner_id]
        if owner is None and not self._to_system:
            by = "--owner-map" if self._mapped is not None else "an id here"
            raise SourceRefused(
                "unknown-owner",
                f"user_{told.owner_id} is nobody by {by}. Make the account, name one in --owner-map FILE, or give it "
                "to the system with --system.",
            )
        return owner

    def _of_nobody(self, told: Told) -> User | None:
        if told.is_system or (self._fallback is None and self._to_system):
            return None
        if self._fallback is None:
            raise SourceRefused(
                "no-owner", "No user_<id> in its path. Say whose such files are: --owner NAME, or --system."
            )
        return self._fallback

    def _look_up(self, owner_id: int) -> User | None:
        if self._mapped is None:
            return User.objects.filter(pk=owner_id).first()
        name = self._mapped.get(owner_id)
        return User.objects.filter(username=name).first() if name else None


def read_owner_map(path: Path) -> dict[int, str]:
    """Return old id → user name out of a CSV of two columns; a first line of words is its head.

    Raises ValueError with the line where it is something else, OSError where it cannot be read.
    """
    found: dict[int, str] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            if not row or (number == 1 and not row[0].strip().isdigit()):
                continue
            if len(row) != 2 or not (row[0].strip().isascii() and row[0].strip().isdigit()) or not row[1].strip():
                raise ValueError(f"line {number} is not an old id and a user name")
            old = int(row[0])
            if found.setdefault(old, row[1].strip()) != row[1].strip():
                raise ValueError(f"line {number} names another person for {old}")
    return found
