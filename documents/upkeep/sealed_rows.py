"""The tables whose rows name sealed objects, as shares go through them: in the order of ids."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from documents.models import Attachment, Payload, StagedAttachment, UpkeepFinding, UpkeepRun, UpkeepShare
from documents.services.rewrapping import Row

# Staged ones first: confirming makes an attachment of one while a run is at it, and the attachments come after.
SCOPES: Mapping[str, type[Row]] = {"staged": StagedAttachment, "attachment": Attachment, "payload": Payload}


def rows_of(scope: str) -> "QuerySet[Any]":
    """Return every row of the scope that has an object: what is still received has none."""
    rows: QuerySet[Any] = SCOPES[scope]._default_manager.order_by("pk")
    return rows.filter(state=StagedAttachment.State.STAGED) if scope == "staged" else rows


def rows_behind(share: UpkeepShare) -> "QuerySet[Any]":
    """Return the rows of the share that it has not come to yet."""
    rows = rows_of(share.scope)
    if share.position:
        rows = rows.filter(pk__gt=UUID(share.position))
    elif share.lower:
        rows = rows.filter(pk__gte=UUID(share.lower))
    return rows.filter(pk__lt=UUID(share.upper)) if share.upper else rows


def document_id_of(row: Row) -> UUID | None:
    """Return the id of the document that the row belongs to; a payload's is that of its group."""
    return row.group_id if isinstance(row, Payload) else row.document_id


def finding_of(run: UpkeepRun, row: Row, *, code: str, detail: str) -> UpkeepFinding:
    """Return what a run found of a row, not stored yet; of the detail as much as a finding keeps."""
    return UpkeepFinding(
        run=run,
        code=code,
        subject=row.pk,
        document_id=document_id_of(row),
        storage_type=row.storage_type,
        storage_path=row.storage_path,
        detail=detail[:500],
    )
