"""Object keys: where in a store an attachment's object is put."""

import re
from datetime import datetime
from uuid import UUID

# Of a file name, as much as keeps the whole key far below the 500 characters of its column.
READABLE_PART = 80


def object_key(attachment_id: UUID, *, owner_id: int | None, at: datetime, readable_name: str = "") -> str:
    """Return ``documents/user_<id>/YYYY/MM/DD/<attachment id>.vlt``, or ``documents/system/…`` without an owner.

    ``readable_name`` (``VAULT_OBJECT_NAMES=readable``) appends the file name in a plain alphabet, for operators who
    prefer telling names to a store that knows none. The id keeps the key unique either way.
    """
    owner = f"user_{owner_id}" if owner_id is not None else "system"
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", readable_name).strip("._")[:READABLE_PART].rstrip("._")
    return f"documents/{owner}/{at:%Y/%m/%d}/{attachment_id}{f'_{name}' if name else ''}.vlt"
