"""Object keys: where in a store an attachment's object is put."""

import re
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from documents.storage.keys import UNFINISHED
from documents.storage.policies import Policy

# Where the vault's own objects are, below the prefix of a policy or of none: what the collector lists. Who stores below
# another one adds it here, and tells ``references`` which of its objects are needed.
DOCUMENTS, PAYLOADS = "documents", "payloads"
COLLECTED = (DOCUMENTS, PAYLOADS)
TRASH_PREFIX = "trash/"
EPOCH_PREFIX = "vault/"
# Of objects that are written to try a store, and deleted at once.
CHECK_PREFIX = "check/"
_PLACE = r"(?!trash/)(?:[A-Za-z0-9._-]+/)*(?:documents|payloads)/(?:user_[0-9]+|system)/[0-9]{4}/[0-9]{2}/[0-9]{2}/"
_ATTACHMENT = re.compile(
    _PLACE + r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?:_[A-Za-z0-9._-]+)?\.vlt"
)
_UNFINISHED = re.compile(_PLACE + UNFINISHED.pattern)

# Of a file name, as much as keeps the whole key far below the 500 characters of its column.
READABLE_PART = 80


def object_key(
    attachment_id: UUID, *, owner_id: int | None, at: datetime, readable_name: str = "", prefix: str = DOCUMENTS
) -> str:
    """Return ``documents/user_<id>/YYYY/MM/DD/<attachment id>.vlt``, or ``documents/system/…`` without an owner.

    Another ``prefix`` keeps another kind of object apart.

    ``readable_name`` (``VAULT_OBJECT_NAMES=readable``) appends the file name in a plain alphabet, for operators who
    prefer telling names to a store that knows none. The id keeps the key unique either way.
    """
    owner = f"user_{owner_id}" if owner_id is not None else "system"
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", readable_name).strip("._")[:READABLE_PART].rstrip("._")
    return f"{prefix}/{owner}/{at:%Y/%m/%d}/{attachment_id}{f'_{name}' if name else ''}.vlt"


def collected_prefixes(policies: Iterable[Policy]) -> tuple[str, ...]:
    """Return where objects are that rows of the vault name: what stands there without a row is left over.

    Where the most are comes last: it gets what the others leave of a pass.
    """
    places = {policy.key(kind) for policy in policies for kind in COLLECTED} | set(COLLECTED)
    return tuple(f"{place}/" for place in sorted(places, key=lambda place: (place == DOCUMENTS, place)))


def attachment_id_in(key: str) -> UUID | None:
    """Return the attachment id that ``object_key`` put into a key, or None for a key that it did not make."""
    made = _ATTACHMENT.fullmatch(key)
    return UUID(made[1]) if made else None


def is_place_of_attachments(path: str) -> bool:
    """Whether ``path`` is a key that ``object_key`` made, or an unfinished file of a local disk beside such keys."""
    return bool(_ATTACHMENT.fullmatch(path) or _UNFINISHED.fullmatch(path))


def trash_key(key: str) -> str:
    """Return where the trash of the same store keeps the object ``key``."""
    return TRASH_PREFIX + key
