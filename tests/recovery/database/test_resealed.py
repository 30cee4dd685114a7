"""An older database put back after documents were sealed anew: it names objects that are gone, and knows no new one."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from documents.encryption.envelope import open_row
from documents.failpoints import FailpointReached
from documents.key_rings import key_ring
from documents.models import Attachment, AuditEvent, Document, Link, ObjectRemoval
from documents.models.clock import database_now
from documents.services.actors import Actor
from documents.services.deletion import sweep_removals
from documents.services.object_storage import ObjectStorageService
from documents.services.rebuild_report import RebuildReport
from documents.services.rebuilding import Rebuilding
from documents.services.resealing import reseal
from documents.storage.base import StorageProvider
from tests.conftest import Store
from tests.encryption.keys import ORIGIN_KEYS
from tests.recovery.objects import Shelf

OPERATOR = Actor(None, "command")
pytestmark = pytest.mark.django_db


def seal_anew_since(row: Attachment, *, removed: bool = True) -> Attachment:
    """Seal it anew, and put the row of the day before back. Returns what was lost by that."""
    before = Attachment.objects.filter(pk=row.pk).values().get()
    links = list(Link.objects.filter(attachment=row).values_list("pk", flat=True))
    new = Attachment.objects.get(pk=reseal(row, OPERATOR))
    if removed:
        sweep_removals()
    ObjectRemoval.objects.all().delete()
    AuditEvent.objects.filter(attachment_id=new.pk).delete()
    Attachment.objects.filter(pk=new.pk).update(**before)
    Link.objects.filter(pk__in=links).update(attachment_id=row.pk)
    return new


def add_missing(provider: StorageProvider) -> RebuildReport:
    return Rebuilding([provider], key_ring(), OPERATOR).add_missing()


def content_of(document: Document, owner: User) -> bytes:
    return b"".join(bytes(piece) for piece in ObjectStorageService(owner).retrieve(document.pk))


def test_a_row_takes_the_object_that_was_sealed_anew(store: Store, alice: User, provider: StorageProvider) -> None:
    documents = [store(f"contract {number}".encode()) for number in range(6)]
    until = database_now() + timedelta(days=30)
    Attachment.objects.update(retain_until=until)
    new = {row.document_id: seal_anew_since(row) for row in Attachment.objects.all()}
    assert not any(provider.exists(row.storage_path) for row in Attachment.objects.all())

    assert dict(add_missing(provider).counts) == {"sealed anew": 6}

    assert [content_of(document, alice) for document in documents] == [f"contract {n}".encode() for n in range(6)]
    for row in Attachment.objects.all():
        assert (row.pk, row.storage_path) == (new[row.document_id].pk, new[row.document_id].storage_path)
        assert (row.version, row.retain_until, row.created_at) == (1, until, new[row.document_id].created_at)
    assert dict(add_missing(provider).counts) == {"known": 6}


def test_its_links_go_on(store: Store, alice: User, provider: StorageProvider) -> None:
    document, row = store(b"a contract"), Attachment.objects.get()
    at = database_now() + timedelta(hours=1)
    link = Link.objects.create(
        document=document, attachment=row, created_by=alice, token_sha256="0" * 64, expires_at=at
    )
    new = seal_anew_since(row)

    add_missing(provider)

    link.refresh_from_db()
    assert link.attachment_id == new.pk


def test_each_version_takes_its_own(shelf: Shelf, provider: StorageProvider) -> None:
    """Of one file name and one size: the date tells which."""
    signing, document_id = Shelf(shelf.root, replace(shelf.ring, origin_key=ORIGIN_KEYS["origin"])), uuid4()
    for number in range(1, 5):
        key = signing.put(f"version {number}".encode(), document_id=document_id)
        provider.put_bytes(key, signing.read(key))
    Rebuilding([provider], key_ring(), OPERATOR).rebuild()
    new = {row.version: seal_anew_since(row).pk for row in Attachment.objects.exclude(version=3)}

    assert dict(add_missing(provider).counts) == {"known": 1, "sealed anew": 3}

    found = {row.version: row.pk for row in Attachment.objects.all()}
    assert found.keys() == {1, 2, 3, 4}
    assert {version: pk for version, pk in found.items() if version != 3} == new
    assert content_of(Document.objects.get(), User.objects.get()) == b"version 4"


def test_where_the_earlier_object_is_there_still_the_new_one_is_current(
    store: Store, alice: User, provider: StorageProvider
) -> None:
    """Both open. Their dates are the same, and their ids are random: neither says which is the newer."""
    for number in range(6):
        store(f"contract {number}".encode())
    rows = list(Attachment.objects.all())
    new = {seal_anew_since(row, removed=False).pk for row in rows}

    assert dict(add_missing(provider).counts) == {"known": 6, "added": 6}

    assert {document.current_attachment().pk for document in Document.objects.all()} == new


def test_another_content_takes_no_ones_place(store: Store, provider: StorageProvider) -> None:
    """An upload of the same document, moment, size and name that says something else is a version of its own."""
    store(b"a contract")
    row = Attachment.objects.get()
    seal_anew_since(row)
    envelope = open_row(bytes(row.envelope_core), bytes(row.key_block), key_ring())
    Attachment.objects.update(sealed_digest=envelope.seal_digest(hashlib.sha256(b"A CONTRACT").digest()))

    assert dict(add_missing(provider).counts) == {"added": 1}

    assert Attachment.objects.count() == 2
    assert Attachment.objects.get(pk=row.pk).version == 1


@pytest.mark.parametrize(("place", "then"), [("recover.in-transaction", "sealed anew"), ("recover.rows-kept", "known")])
def test_dying_on_the_way_leaves_what_the_next_run_goes_on_from(
    store: Store, alice: User, provider: StorageProvider, monkeypatch: pytest.MonkeyPatch, place: str, then: str
) -> None:
    document = store(b"a contract")
    seal_anew_since(Attachment.objects.get())
    monkeypatch.setenv("VAULT_FAILPOINT", f"{place}:raise")
    with pytest.raises(FailpointReached):
        add_missing(provider)
    monkeypatch.delenv("VAULT_FAILPOINT")

    assert dict(add_missing(provider).counts) == {then: 1}
    assert content_of(document, alice) == b"a contract"


def test_its_content_tells_it_and_not_its_name(store: Store, alice: User, provider: StorageProvider) -> None:
    document = store(b"a contract")
    new = seal_anew_since(Attachment.objects.get())
    Attachment.objects.update(filename="as-it-was-called-then.pdf")

    assert dict(add_missing(provider).counts) == {"sealed anew": 1}

    assert Attachment.objects.get().pk == new.pk
    assert content_of(document, alice) == b"a contract"
