"""Whose document it becomes."""

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.contrib.auth.models import User

from documents.errors import SourceRefused
from documents.services.adopting.names import Told

# Of ids that were looked up; a vault has far fewer people than documents.
_REMEMBERED = 100_000
# An id of any database fits into 64 bits.
_ID = re.compile(r"[0-9]{1,20}")


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
        return person_called(name) if name else None


def person_called(name: str) -> User | None:
    """Return who has this user name, or None; nobody has one that no database takes."""
    try:
        name.encode()  # bytes that are not UTF-8 come from a shell as lone surrogates
    except UnicodeEncodeError:
        return None
    return None if "\0" in name else User.objects.filter(username=name).first()


def read_owner_map(path: Path) -> dict[int, str]:
    """Return old id → user name out of a CSV of two columns; a first line of words is its head.

    Raises ValueError with the line where it is something else, OSError where it cannot be read.
    """
    found: dict[int, str] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        for number, row in enumerate(_rows_of(file), start=1):
            if not row or (number == 1 and not row[0].strip().isdigit()):
                continue
            if len(row) != 2 or not _ID.fullmatch(row[0].strip()) or not row[1].strip():
                raise ValueError(f"line {number} is not an old id and a user name")
            old = int(row[0])
            if found.setdefault(old, row[1].strip()) != row[1].strip():
                raise ValueError(f"line {number} names another person for {old}")
    return found


def _rows_of(lines: Iterable[str]) -> Iterator[list[str]]:
    """Raises ValueError where it is no CSV, or has a field of over 128 KiB."""
    reader = csv.reader(lines)
    try:
        yield from reader
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} is no CSV of two columns: {error}") from error
