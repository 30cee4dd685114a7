"""References to payloads: what they look like, and which of them count.

A reference is an object with one member, ``$vault:payload``, that says ``schema`` and ``version``, ``provider`` and
``key`` as they were when it was made, ``content_type`` (``json`` or ``raw``), ``size`` of the plaintext in bytes,
``id``, and in ``attribution`` the ``app`` that made it and the id of its ``owner``. It grants nothing by itself: it
counts only where the row with its id was made with exactly this text, for this owner, by this app.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import TypeGuard
from uuid import UUID

from django.contrib.auth.models import User

from documents.errors import PayloadReferenceInvalid
from documents.models import Payload
from documents.services.payload_values import JSON

SCHEMA, VERSION = "document-vault.payload", 1
MEMBERS = {"schema", "version", "provider", "key", "content_type", "size", "id", "attribution"}


def reference_of(payload: Payload, content_type: str) -> JSON:
    """Return what stands in ``$vault:payload`` for a row just made."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "provider": payload.storage_type,
        "key": payload.storage_path,
        "content_type": content_type,
        "size": payload.size,
        "id": str(payload.pk),
        "attribution": {"app": payload.attribution, "owner": payload.owner_id},
    }


def digest_of(reference: JSON) -> str:
    """Return the SHA-256 of a reference in hex, whatever order a store of JSON gave its members."""
    return hashlib.sha256(json.dumps(reference, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def rows_of(references: Sequence[JSON], *, owner: User | None, attribution: str) -> dict[UUID, Payload]:
    """Return the rows that are there, by their ids, of references that may be anything.

    Raises PayloadReferenceInvalid where one is of another schema or version, or is not the one that its row was made
    with, or where the row is not of this owner and app. Nothing is read but rows.
    """
    wanted: dict[UUID, str] = {}
    for reference in references:
        if not _is_of_this_schema(reference):
            raise PayloadReferenceInvalid(
                f"The value refers to a payload in another way than {SCHEMA} version {VERSION}. Nothing was fetched."
            )
        digest = digest_of(reference)
        if wanted.setdefault(UUID(reference["id"]), digest) != digest:
            raise PayloadReferenceInvalid
    rows = Payload.objects.filter(pk__in=wanted).select_related("owner")
    found = {row.pk: row for row in rows}
    owner_id = owner.pk if owner else None
    for row in found.values():
        if (row.reference_digest, row.owner_id, row.attribution) != (wanted[row.pk], owner_id, attribution):
            raise PayloadReferenceInvalid
    return found


def _is_of_this_schema(reference: JSON) -> TypeGuard[dict[str, JSON]]:
    if type(reference) is not dict or reference.keys() != MEMBERS:
        return False
    if (reference["schema"], type(reference["version"]), reference["version"]) != (SCHEMA, int, VERSION):
        return False
    try:
        return bool(str(UUID(reference["id"])) == reference["id"])
    except (ValueError, TypeError, AttributeError):
        return False
