"""Who needs which object. What nobody needs is left over, and the collector clears it away.

An app that stores objects of its own under one of the vault's prefixes, or that holds objects of documents for a while,
registers a function here when it starts (``AppConfig.ready``).
"""

from collections.abc import Callable, Collection

from django.db.models import Model, Q

from documents.models import Attachment, AuditEvent, ObjectRemoval, Payload, StagedAttachment
from documents.services.keys import attachment_id_in

# Given keys, returns those that are needed.
Claimant = Callable[[Collection[str]], set[str]]
# Given keys, returns those that this database has heard of.
Witness = Callable[[Collection[str]], set[str]]

# Rows that need an object, and the column with the id that stands in its key.
_ROWS: tuple[tuple[type[Model], str], ...] = (
    *((StagedAttachment, "id"), (Attachment, "id"), (Payload, "id")),
    (ObjectRemoval, "attachment_id"),
)

_claimants: dict[str, Claimant] = {}
_witnesses: dict[str, Witness] = {}


def register(name: str, needs: Claimant, *, knows: Witness | None = None) -> None:
    """Have ``needs`` asked before any object is cleared away. A second registration of a name replaces the first.

    ``knows`` is for objects whose keys are not those of attachments: see ``known``. Where ``needs`` raises, nothing is
    cleared away in that pass.
    """
    _claimants[name] = needs
    if knows:
        _witnesses[name] = knows


def unregister(name: str) -> None:
    """Take a registration back. For tests."""
    _claimants.pop(name, None)
    _witnesses.pop(name, None)


def needed(keys: Collection[str]) -> set[str]:
    """Return those of ``keys`` that a row, or a claimant, needs: in whatever store, and at whatever path.

    A row is asked for by the id in the key first. The same object goes by several keys where stores overlap: one store
    is ``s3://bucket``, another ``s3://bucket/archive``, and what a row names ``documents/…`` in the second is listed as
    ``archive/documents/…`` in the first. The id is the same in both, and no other object ever has it, so whichever row
    has the id needs the object. A key whose row is older than the vault's keys has no id: the path itself is asked for
    as well, and has an index in each table.

    The row may name another store than the one that is looked at: a failover that the store is part of, a store whose
    object was moved and whose copy stands in for it, or the same bucket by another name. None of that makes an object
    garbage.

    The tables are read by one statement, which sees one state of the database. Confirming deletes the staged row in
    the transaction that makes the attachment: two statements in the wrong order would see neither.
    """
    if not keys:
        return set()
    ids = {key: attachment_id for key in keys if (attachment_id := attachment_id_in(key))}
    first, *others = (
        model._default_manager.filter(Q(storage_path__in=keys) | Q(**{f"{id_field}__in": set(ids.values())}))
        .order_by()
        .values_list(id_field, "storage_path")
        for model, id_field in _ROWS
    )
    found = set(first.union(*others))
    named = {row_id for row_id, _ in found} | {path for _, path in found}
    by_rows = {key for key in keys if key in named or ids.get(key) in named}
    return by_rows.union(*(claimant(keys) for claimant in list(_claimants.values())))


def known(keys: Collection[str]) -> set[str]:
    """Return those of ``keys`` that this database has ever heard of.

    Every upload that is confirmed, fails, expires or is discarded leaves an audit event with the attachment's id, in
    the transaction that ends it. An object without one was stored in a time that this database has not seen.
    """
    ids = {key: attachment_id for key in keys if (attachment_id := attachment_id_in(key))}
    told = set(AuditEvent.objects.filter(attachment_id__in=ids.values()).values_list("attachment_id", flat=True))
    found = {key for key, attachment_id in ids.items() if attachment_id in told}
    return found | _witnessed(keys)


def recognised(keys: Collection[str]) -> set[str]:
    """Return those of ``keys`` that the collector may judge at all.

    Those are the keys that the vault makes, and those that a registered witness knows. Every other object is foreign,
    whatever prefix it is below: documents of an older program, which are yet to be adopted, or another app's files.
    No row has to name it, and it is left alone for ever.
    """
    return {key for key in keys if attachment_id_in(key)} | _witnessed(keys)


def _witnessed(keys: Collection[str]) -> set[str]:
    return set().union(*(witness(keys) for witness in list(_witnesses.values())))
