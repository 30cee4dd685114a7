"""The state of a database as a backup has it: rows of the vault, and of another app that holds payloads."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Model

from documents.models import (
    Attachment,
    AuditEvent,
    CollectedStore,
    Document,
    ObjectRemoval,
    Payload,
    Sighting,
    StagedAttachment,
    Vault,
)
from documents.services.payload_values import JSON
from tests.documents.collecting import DAY

TABLES: tuple[type[Model], ...] = (
    *(Vault, Document, Attachment, StagedAttachment, Payload),
    *(ObjectRemoval, AuditEvent, Sighting, CollectedStore),
)
STAGED = StagedAttachment.State.STAGED
# Storage type, key and digest of an object.
Named = tuple[str, str, str]
Rows = dict[type[Model], list[dict[str, Any]]]


@dataclass
class AppRows:
    """What another app knows of its payloads, by their ids: the dehydrated values that its rows have, and those that
    are on their way to one, with the world's time at which each was sent.
    """

    claimed: dict[UUID, JSON] = field(default_factory=dict)
    sent: dict[UUID, tuple[JSON, timedelta]] = field(default_factory=dict)

    def copy(self) -> "AppRows":
        return AppRows(dict(self.claimed), dict(self.sent))

    def promised(self, now: timedelta) -> set[UUID]:
        """Whatever is claimed, and for a day (VAULT_PAYLOAD_GRACE) whatever was sent."""
        return set(self.claimed) | {payload_id for payload_id, (_, sent_at) in self.sent.items() if now - sent_at < DAY}


@dataclass
class Snapshot:
    """``taken_at`` is the world's time."""

    rows: Rows
    app: AppRows
    taken_at: timedelta

    @classmethod
    def taken(cls, app: AppRows, at: timedelta) -> "Snapshot":
        return cls({model: list(model._default_manager.order_by("pk").values()) for model in TABLES}, app.copy(), at)

    def named(self) -> Iterator[Named]:
        """The objects of its documents, payloads and staged uploads."""
        for model in (Attachment, Payload, StagedAttachment):
            for row in self.rows[model]:
                if row.get("state", STAGED) == STAGED:
                    yield row["storage_type"], row["storage_path"], row["digest"]


def replace_rows(rows: Rows) -> None:
    """Have these rows and no others."""
    for model in reversed(TABLES):
        model._default_manager.all().delete()
    for model in TABLES:
        model._default_manager.bulk_create(model(**row) for row in rows.get(model, []))


def named_now() -> list[Named]:
    """As ``Snapshot.named``, of the database in use."""
    tables = (Attachment.objects.all(), Payload.objects.all(), StagedAttachment.objects.filter(state=STAGED))
    first, *others = (table.order_by().values_list("storage_type", "storage_path", "digest") for table in tables)
    return list(first.union(*others, all=True))
