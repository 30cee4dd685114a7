"""The rows behind items: found by id, and switched to another store by compare-and-set. No store is asked here."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from django.db.models import QuerySet

from documents.models import Attachment, ObjectRemoval, Payload, StagedAttachment
from migrations_tools.models import MigrationItem, Row
from migrations_tools.states import RunKind

State = StagedAttachment.State


def find_rows(ids: Collection[UUID]) -> dict[UUID, Row]:
    """Return the rows with these ids. One that is missing was deleted, expired or discarded.

    Staged attachments are read first: confirming deletes such a row in the transaction that makes the attachment of the
    same id, so that reading in this order sees at least one of the two.
    """
    found: dict[UUID, Row] = {}
    for rows in _tables():
        found |= {row.pk: row for row in rows.filter(pk__in=ids)}
    return found


def switch_row(row: Row, *, storage_type: str, storage_path: str) -> bool:
    """Point the row at the destination if it is still what it was when it was read.

    Returns False where it is not: deleted, moved, or rewrapped, so that a new key block has to be copied too. To be
    called inside the transaction that notes the outcome.
    """
    same = {"pk": row.pk, "storage_type": row.storage_type, "storage_path": row.storage_path, "kek_id": row.kek_id}
    return any(
        rows.filter(**same, key_block=row.key_block).update(storage_type=storage_type, storage_path=storage_path)
        for rows in _tables()
    )


def lock_row(object_id: UUID) -> Row | None:
    """Return the row as it is, locked until the end of the transaction; None where it is no more."""
    for rows in _tables():
        if row := rows.select_for_update(of=("self",)).filter(pk=object_id).first():
            return row
    return None


def switch_rows(rows: Sequence[Row], *, storage_type: str) -> bool:
    """Point these rows at the same keys of another store, if each is still what it was and where it was when read.

    Returns False where one is not; others may be switched then, so that the caller has to roll back. There are as many
    statements as there are tables and stores, not rows.
    """
    for table in _tables():
        by_store: dict[str, list[Row]] = {}
        for row in rows:
            if isinstance(row, table.model):
                by_store.setdefault(row.storage_type, []).append(row)
        for store, theirs in by_store.items():
            # Column by column, which costs a third of row by row. An object key and a key block are one object's alone,
            # so that a row that changed has what is in none of the lists.
            unchanged = table.filter(
                storage_type=store,
                pk__in=[row.pk for row in theirs],
                storage_path__in=[row.storage_path for row in theirs],
                kek_id__in={row.kek_id for row in theirs},
                key_block__in=[row.key_block for row in theirs],
            )
            # Locked in the order of their keys, as by whoever deletes several of them: an UPDATE has no order.
            locked = unchanged.order_by("pk").select_for_update().values_list("pk", flat=True)
            if len(locked) != len(theirs) or unchanged.update(storage_type=storage_type) != len(theirs):
                return False
    return True


def has_left(item: MigrationItem, kind: str) -> bool:
    """Whether the item's row is no more, or no longer names the object that a run of this kind is to read."""
    row = find_rows([item.object_id]).get(item.object_id)
    if row is None:
        return True
    # What a run that purges reads is where the row points now.
    return kind != RunKind.PURGE and (row.storage_type, row.storage_path) != (item.source_type, item.source_path)


def note_removal(object_id: UUID, *, storage_type: str, storage_path: str) -> None:
    """Have the sweeper delete a copy that came too late: its row has been deleted meanwhile."""
    ObjectRemoval.objects.create(storage_type=storage_type, storage_path=storage_path, attachment_id=object_id)


def _tables() -> "Iterable[QuerySet[StagedAttachment] | QuerySet[Attachment] | QuerySet[Payload]]":
    return (
        StagedAttachment.objects.filter(state=State.STAGED),
        Attachment.objects.all(),
        Payload.objects.all(),
    )
