"""One original: where it is, what it is, and whether it was adopted before."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from documents.models import AdoptedSource
from documents.services.adopting.names import is_named_as_envelope
from documents.services.keys import CHECK_PREFIX, EPOCH_PREFIX, TRASH_PREFIX, attachment_id_in
from documents.storage.keys import UNFINISHED

# What the vault keeps in its own stores beside documents; newer key blocks are below the last.
OWN_PREFIXES = (TRASH_PREFIX, EPOCH_PREFIX, CHECK_PREFIX, "payloads/", "keyblocks/")
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# The same in a copy of a vault, or in another one: by whole names, for a person may have a directory called so.
_KEPT_BESIDE = re.compile(
    rf"(?:.*/)?(?:keyblocks/{_ID}\.[0-9]+|vault/{_ID}/epochs/[a-z][a-z0-9-]*/[0-9]{{20}}|check/{_ID}/[^/]+)", re.DOTALL
)
# FORMAT.md §2.1: how every object begins that a vault sealed.
SEALED_MAGIC = b"\x89VLT\r\n\x1a\n"


class Kind(StrEnum):
    """What an original is."""

    ENVELOPE = "envelope"
    PLAIN = "plain"
    LEFT_OUT = "left-out"


@dataclass(frozen=True, slots=True)
class Source:
    """``key`` is what its place calls it, ``place`` and ``path`` what it is known by however it is reached.

    ``size`` is bytes; ``problem`` says why it cannot be read, where that is known before.
    """

    key: str
    place: str
    path: str
    size: int
    modified_at: datetime
    problem: str = field(default="")

    @property
    def identity(self) -> str:
        """SHA-256 of place and path in hex. A name that is no UTF-8 counts by its bytes."""
        return hashlib.sha256(f"{self.place}\0{self.path}".encode(errors="surrogateescape")).hexdigest()

    @property
    def shown(self) -> str:
        """Its path as text that every terminal and database takes."""
        return self.path.encode(errors="surrogateescape").decode(errors="backslashreplace").replace("\0", "\\x00")

    def note(self, *, digest: str, in_place: bool = False) -> AdoptedSource:
        """Return the row that says that it was adopted, not saved."""
        return AdoptedSource(
            identity=self.identity,
            place=self.place,
            key=self.shown,
            size=self.size,
            modified_at=self.modified_at,
            digest=digest,
            in_place=in_place,
        )


def known_sources(sources: Sequence[Source]) -> dict[str, AdoptedSource]:
    """Return the rows of those that were adopted before, by identity, with their attachments."""
    rows = AdoptedSource.objects.filter(identity__in=[source.identity for source in sources])
    return {row.identity: row for row in rows.select_related("attachment__document__owner")}


def is_of_this_vault(key: str) -> bool:
    """Whether a key is one that this or another vault made, or hidden: neither is ever adopted."""
    segments = key.split("/")
    return (
        attachment_id_in(key.removeprefix(TRASH_PREFIX)) is not None
        or _KEPT_BESIDE.fullmatch(key) is not None
        or UNFINISHED.fullmatch(segments[-1]) is not None
        or any(segment.startswith(".") for segment in segments)
    )


def kind_by_name(key: str) -> Kind | None:
    """What a name alone says; None where the content has to be looked at."""
    if is_of_this_vault(key):
        return Kind.LEFT_OUT
    return Kind.ENVELOPE if is_named_as_envelope(key) else None
