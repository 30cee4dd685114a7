"""Sealing anew: another DEK, another object, the same document to everybody who uses it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from documents.encryption.envelope import open_row
from documents.encryption.recipients import recipients_of
from documents.encryption.vectors.keys import kek_id
from documents.key_rings import key_ring
from documents.models import Attachment, AuditEvent, Link, ObjectRemoval, Payload, StagedAttachment, UpkeepRun
from documents.models.clock import database_now
from documents.services.actors import Actor
from documents.services.attributes import attributes_of, set_attributes
from documents.services.deletion import sweep_removals
from documents.services.downloads import Download
from documents.services.resealing import is_wrapped_in_header, reseal
from documents.storage.base import StorageProvider
from documents.upkeep.reseal import begin_resealing
from documents.upkeep.worker import work_on
from tests.conftest import Store
from tests.upkeep.rotating import attachment_of, rotate
from tests.upkeep.test_rewrap import content_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys")]


def test_it_has_another_key_and_another_object_and_is_the_same_document(
    store: Store, provider: StorageProvider, operator: Actor
) -> None:
    document = store(b"a contract", filename="contract.pdf", title="Contract")
    old = attachment_of(document)
    dek = open_row(bytes(old.envelope_core), bytes(old.key_block), key_ring()).dek

    new_id = reseal(old, operator)

    new = attachment_of(document)
    assert (new.pk, new.version, new.filename) == (new_id, 1, "contract.pdf")
    assert new.created_at == old.created_at
    assert new.storage_path != old.storage_path
    assert open_row(bytes(new.envelope_core), bytes(new.key_block), key_ring()).dek != dek
    assert content_of(new, operator) == b"a contract"
    sweep_removals()
    assert not provider.exists(old.storage_path)
    assert not ObjectRemoval.objects.exists()
    assert not StagedAttachment.objects.exists()
    event = AuditEvent.objects.get(action="attachment.resealed")
    assert (event.attachment_id, event.detail["earlier"]) == (new.pk, str(old.pk))


def test_whoever_read_the_row_before_reads_the_new_object(store: Store, operator: Actor) -> None:
    document = store(b"a contract" * 1000)
    held = attachment_of(document)
    reseal(attachment_of(document), operator)
    sweep_removals()
    with Download(held, operator, start=10, stop=20) as download:
        assert b"".join(bytes(piece) for piece in download) == b"a contract"


def test_a_link_to_this_version_goes_on_to_be_one(store: Store, alice: User, operator: Actor) -> None:
    document = store()
    attachment = attachment_of(document)
    link = Link.objects.create(
        document=document,
        attachment=attachment,
        created_by=alice,
        token_sha256="0" * 64,
        expires_at=database_now() + timedelta(hours=1),
    )
    new_id = reseal(attachment, operator)
    link.refresh_from_db()
    assert link.attachment_id == new_id


def test_what_is_retained_stays_retained(store: Store, operator: Actor) -> None:
    document = store()
    until = database_now() + timedelta(days=30)
    Attachment.objects.update(retain_until=until)
    reseal(attachment_of(document), operator)
    assert attachment_of(document).retain_until == until


def test_a_damaged_object_is_not_sealed_anew(store: Store, provider: StorageProvider, operator: Actor) -> None:
    document = store(b"a contract" * 100)
    old = attachment_of(document)
    body = bytearray(provider.get(old.storage_path))
    body[-5] ^= 1
    provider.delete(old.storage_path)
    provider.put_bytes(old.storage_path, bytes(body))
    run = begin_resealing(operator)
    work_on(run.pk)
    run.refresh_from_db()
    assert (run.state, run.findings.get().subject) == ("failed", old.pk)
    assert attachment_of(document).storage_path == old.storage_path
    assert not StagedAttachment.objects.exists()
    assert [info.key for info in provider.iter_locations("documents/")] == [old.storage_path]


def test_only_what_was_sealed_for_the_lost_kek_is_sealed_anew(
    store: Store, provider: StorageProvider, new_primary: str, old_primary: str, operator: Actor
) -> None:
    lost = store(b"sealed for the lost key")
    rotate(new_primary)
    other = store(b"sealed for the new one")
    kept = attachment_of(other).storage_path
    assert is_wrapped_in_header(provider, attachment_of(lost).storage_path, bytes.fromhex(old_primary))

    call_command("reseal_documents", "--kek", old_primary, "--inline", verbosity=0)

    assert attachment_of(other).storage_path == kept
    assert not is_wrapped_in_header(provider, attachment_of(lost).storage_path, bytes.fromhex(old_primary))
    assert bytes.fromhex(old_primary) not in recipients_of(bytes(attachment_of(lost).key_block))
    assert content_of(attachment_of(lost), operator) == b"sealed for the lost key"


def test_sealed_attributes_are_sealed_anew_with_their_document(
    store: Store, alice: User, as_alice: Actor, operator: Actor
) -> None:
    document = store()
    set_attributes(document.pk, {"note": "x" * 5000}, owner=alice, actor=as_alice)
    before = Payload.objects.get().pk
    run = begin_resealing(operator)
    work_on(run.pk)
    run.refresh_from_db()
    assert (run.state, run.total) == ("succeeded", 2)
    assert Payload.objects.get().pk != before
    document.refresh_from_db()
    assert attributes_of(document) == {"note": "x" * 5000}


@pytest.mark.parametrize("which", ["primary", "recovery"])
def test_what_is_sealed_for_a_present_recipient_is_not_sealed_for_it_again(store: Store, which: str) -> None:
    store()
    recipient = kek_id(which).hex()

    with pytest.raises(CommandError, match=f"^Rotate first: everything is sealed for KEK {recipient[:16]}"):
        call_command("reseal_documents", "--kek", recipient, "--inline", verbosity=0)

    assert not UpkeepRun.objects.exists()
