"""Two stores of one vault, one inside the other: a bucket, and what it has below ``archive/`` under a name of its own.

They are as ``s3://bucket`` and ``s3://bucket/archive``. What the archive calls ``documents/…`` the bucket lists as
``archive/documents/…``, because a policy stores there; so both may move it, each to a trash of its own.
"""

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, replace
from typing import cast

from documents.conf.storage_file import OwnConfig, StorageFile
from documents.services.keys import trash_key
from documents.storage.memory import StoredObject
from documents.storage.policies import DEFAULT, Policy
from tests.documents.collecting import ClockedStore

BUCKET, ARCHIVE = "bucket", "archive"
INSIDE = "archive/"
ARCHIVED, BELOW = "archived", "below"
POLICIES = (
    Policy(DEFAULT, store=BUCKET),
    Policy(ARCHIVED, store=ARCHIVE),
    Policy(BELOW, store=BUCKET, key_prefix=INSIDE.rstrip("/")),
)
_OWN = OwnConfig(f"{ClockedStore.__module__}.{ClockedStore.__qualname__}", options=())
STORAGE_FILE = StorageFile(stores=((BUCKET, _OWN), (ARCHIVE, _OWN)), policies=POLICIES)


class Inside(MutableMapping[str, StoredObject]):
    """The objects below ``INSIDE``, by what the archive calls them."""

    def __init__(self, whole: MutableMapping[str, StoredObject]) -> None:
        self._whole = whole

    def __getitem__(self, key: str) -> StoredObject:
        return _known_as(key, self._whole[INSIDE + key])

    def __setitem__(self, key: str, stored: StoredObject) -> None:
        self._whole[INSIDE + key] = _known_as(INSIDE + key, stored)

    def __delitem__(self, key: str) -> None:
        del self._whole[INSIDE + key]

    def __iter__(self) -> Iterator[str]:
        return (key.removeprefix(INSIDE) for key in self._whole if key.startswith(INSIDE))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _known_as(key: str, stored: StoredObject) -> StoredObject:
    return replace(stored, info=replace(stored.info, key=key))


@dataclass(frozen=True)
class Stores:
    """Every object has one place, which is its key in the bucket."""

    bucket: ClockedStore
    archive: ClockedStore

    def __post_init__(self) -> None:
        self.archive._objects = cast("dict[str, StoredObject]", Inside(self.bucket._objects))

    @property
    def both(self) -> tuple[ClockedStore, ClockedStore]:
        return self.bucket, self.archive

    def place(self, storage_type: str, key: str) -> str:
        """Where an object is that a row names."""
        return INSIDE + key if storage_type == ARCHIVE else key

    def digest_at(self, place: str) -> str | None:
        """The SHA-256 in hex of what is there, which its ETag is, without asking the store; or None."""
        stored = self.bucket._objects.get(place)
        return stored.info.etag if stored else None

    def listed_by(self, place: str) -> set[str]:
        """The names of the stores that may move it."""
        return {BUCKET, ARCHIVE} if place.startswith(INSIDE) else {BUCKET}

    def trashed(self, place: str) -> list[str]:
        """Where the trash of each of them keeps it."""
        places = [trash_key(place)]
        if place.startswith(INSIDE):
            places.append(INSIDE + trash_key(place.removeprefix(INSIDE)))
        return places
