"""Rotation, retirement and sealing anew where something came between: a backup, a stranger, a death, damage."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management import CommandError

from documents.conf import KeySources
from documents.errors import KekInUse, KekRefused
from documents.filestorage import VaultStorage
from documents.models import Attachment, KekRecord, StagedAttachment, UpkeepFinding, UpkeepRun, UpkeepShare
from documents.models.clock import database_now
from documents.services import kek_life, staging
from documents.services.actors import Actor
from documents.services.kek_standing import find_record, list_keks
from documents.services.sidecars import sequence_in
from documents.services.uploads import begin_upload
from documents.storage.base import StorageProvider
from documents.upkeep import runs
from documents.upkeep.figures import figures_of
from documents.upkeep.reseal import begin_resealing
from documents.upkeep.rewrap import begin_rewrapping, left_to_rewrap
from documents.upkeep.verify import begin_verifying
from tests.conftest import Store
from tests.keyring import public_pem
from tests.upkeep.rotating import attachment_of, done, make_primary, recipients_in_row, rotate, sidecars_of
from tests.upkeep.test_commands import run as command
from tests.upkeep.test_rewrap import content_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys")]


def test_rows_that_came_back_from_a_backup_are_rewrapped_past_what_is_beside(
    store: Store, new_primary: str, operator: Actor
) -> None:
    document = store(b"a contract")
    restored = Attachment.objects.values("key_block", "kek_id", "recipients").get()
    rotate(new_primary)
    Attachment.objects.update(**restored)

    assert done(begin_rewrapping(operator)).state == "succeeded"

    after = attachment_of(document)
    assert (recipients_in_row(after)[0], sequence_in(bytes(after.key_block))) == (new_primary, 2)
    assert sidecars_of(after)[0] == bytes(after.key_block)
    assert content_of(after, operator) == b"a contract"


@pytest.mark.parametrize("garbage", [b"", b"garbage", b"x" * 5000])
def test_what_somebody_put_beside_an_object_stops_no_rotation(
    garbage: bytes, store: Store, provider: StorageProvider, new_primary: str, operator: Actor
) -> None:
    documents = [store(b"one"), store(b"two")]
    provider.put_bytes(f"keyblocks/{attachment_of(documents[0]).pk}.1", garbage)
    assert rotate(new_primary).state == "succeeded"
    for document, content in zip(documents, (b"one", b"two"), strict=True):
        assert recipients_in_row(attachment_of(document))[0] == new_primary
        assert content_of(attachment_of(document), operator) == content
    assert sequence_in(bytes(attachment_of(documents[0]).key_block)) == 2


def test_a_truncated_sidecar_of_a_file_is_passed_by_and_counts_in_the_proof(
    keys: KeySources, provider: StorageProvider, new_primary: str, old_primary: str, operator: Actor
) -> None:
    name = VaultStorage().save("may.pdf", ContentFile(b"a payslip"))
    rotate(new_primary)
    [beside] = [info.key for info in provider.iter_locations("keyblocks/")]
    cut = provider.get(beside)[:-1]
    provider.delete(beside)
    provider.put_bytes(beside, cut)
    with pytest.raises(KekInUse, match="1 sealed files"):
        kek_life.retire_kek(find_record(old_primary), operator)
    assert done(begin_rewrapping(operator)).state == "succeeded"
    kek_life.retire_kek(find_record(old_primary), operator)
    (keys.directory / "primary.pem").unlink()
    with VaultStorage().open(name) as file:
        assert file.read() == b"a payslip"


def test_an_object_without_a_byte_among_files_is_told_and_stops_nothing(
    provider: StorageProvider, new_primary: str, old_primary: str, operator: Actor
) -> None:
    provider.put_bytes("files/empty.vlt", b"")
    run = rotate(new_primary)
    assert (run.state, run.findings.count()) == ("failed", 1)
    kek_life.retire_kek(find_record(old_primary), operator)


@pytest.mark.parametrize("damage", [b"\x00" * 700, b"", b"short"])
def test_a_row_whose_key_block_cannot_be_read_keeps_a_kek_from_being_retired_until_it_is_repaired(
    damage: bytes, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    document, other = store(b"a contract"), store(b"another")
    rotate(new_primary)
    Attachment.objects.filter(document=document).update(key_block=damage)
    assert list_keks()
    with pytest.raises(KekInUse, match="cannot be read"):
        kek_life.retire_kek(find_record(old_primary), operator)
    assert content_of(attachment_of(document), operator) == b"a contract"

    assert done(begin_rewrapping(operator, repair=True)).state == "succeeded"

    assert recipients_in_row(attachment_of(document))[0] == new_primary
    kek_life.retire_kek(find_record(old_primary), operator)
    assert content_of(attachment_of(other), operator) == b"another"


def test_a_damaged_wrapped_dek_in_the_row_is_made_up_for_by_the_one_beside(
    keys: KeySources, store: Store, new_primary: str, operator: Actor
) -> None:
    document = store(b"a contract")
    rotate(new_primary)
    block = bytearray(attachment_of(document).key_block)
    block[200] ^= 1
    Attachment.objects.update(key_block=bytes(block))
    (keys.directory / "primary.pem").unlink()
    assert content_of(attachment_of(document), operator) == b"a contract"


def test_repairing_puts_a_missing_sidecar_back(
    store: Store, provider: StorageProvider, new_primary: str, operator: Actor
) -> None:
    document = store()
    rotate(new_primary)
    for info in list(provider.iter_locations("keyblocks/")):
        provider.delete(info.key)
    store()  # its key block is in its header, and needs none
    assert done(begin_rewrapping(operator)).total == 0
    for changed in (1, 0):
        repair = done(begin_rewrapping(operator, repair=True))
        assert (repair.state, figures_of(repair).changed) == ("succeeded", changed)
        assert sidecars_of(attachment_of(document)) == [bytes(attachment_of(document).key_block)]


def test_what_a_cancelled_rotation_had_in_flight_is_put_by_the_next(
    store: Store, provider: StorageProvider, new_primary: str, operator: Actor
) -> None:
    document = store()
    run = rotate(new_primary)
    # As a worker that died left it: the row is written, its sidecar is not.
    attachment = attachment_of(document)
    for info in list(provider.iter_locations("keyblocks/")):
        provider.delete(info.key)
    UpkeepShare.objects.filter(run=run, scope="attachment").update(
        in_flight=[[str(attachment.pk), attachment.storage_type]], done_at=None
    )
    UpkeepRun.objects.update(state="interrupted")
    runs.cancel(run, operator)
    assert done(begin_rewrapping(operator)).state == "succeeded"
    assert sidecars_of(attachment) == [bytes(attachment.key_block)]


def test_a_finding_without_a_row_hides_no_row_from_the_next_round(store: Store, new_primary: str) -> None:
    run = rotate(new_primary)
    UpkeepFinding.objects.create(run=run, code="malformed-envelope", storage_type="local", storage_path="files/x.vlt")
    store()
    assert dict(left_to_rewrap("another", run))["attachment"] == 1


def test_a_kek_that_was_kept_after_all_is_not_destroyed(
    keys: KeySources, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    store()
    rotate(new_primary)
    record = find_record(old_primary)
    kek_life.retire_kek(record, operator)
    kek_life.ask_to_destroy(record, operator)
    KekRecord.objects.update(destruction_due_at=database_now())
    read_before = find_record(old_primary)
    kek_life.keep_after_all(record, operator)
    with pytest.raises(KekRefused, match="kept after all"):
        kek_life.destroy_kek(read_before, operator)
    assert (keys.directory / "primary.pem").exists()


def test_a_kek_that_is_primary_again_loses_what_was_asked_before(
    store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    store()
    rotate(new_primary)
    record = find_record(old_primary)
    kek_life.retire_kek(record, operator)
    kek_life.ask_to_destroy(record, operator)
    rotate(old_primary)
    record.refresh_from_db()
    assert (record.retired_at, record.destruction_due_at) == (None, None)


def test_sidecars_of_an_upload_that_is_discarded_go_with_it(
    alice: User, provider: StorageProvider, new_primary: str, operator: Actor
) -> None:
    with begin_upload(owner=alice, filename="a.txt", content_type="text/plain", actor=operator) as upload:
        upload.write(b"waits")
        staged = upload.finish()
    rotate(new_primary)
    assert list(provider.iter_locations("keyblocks/"))
    staged = StagedAttachment.objects.get(pk=staged.pk)
    assert staging.delete_object_of(staged)
    assert not list(provider.iter_locations("keyblocks/"))


def test_an_upload_that_waits_is_named_when_a_lost_kek_is_answered(
    alice: User, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    with begin_upload(owner=alice, filename="a.txt", content_type="text/plain", actor=operator) as upload:
        upload.write(b"waits")
        upload.finish()
    rotate(new_primary)
    run = done(begin_resealing(operator, kek_id=old_primary))
    assert (run.state, run.findings.get().code) == ("failed", "not-confirmed")


def test_what_a_kek_in_between_opens_is_sealed_anew_too(
    store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    document = store(b"a contract")
    rotate(new_primary)
    rotate(old_primary)
    before = attachment_of(document).storage_path
    assert done(begin_resealing(operator, kek_id=new_primary)).state == "succeeded"
    assert attachment_of(document).storage_path != before
    assert content_of(attachment_of(document), operator) == b"a contract"


def test_a_document_that_only_a_former_recovery_key_opens_is_told(
    keys: KeySources, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    store()
    make_primary(new_primary)
    older = Path(keys.directory / "older")
    (older / "recovery.pub.pem").write_bytes(public_pem("recovery"))
    (keys.directory / "primary.pem").unlink()
    run = done(begin_verifying(operator))
    assert [finding.code for finding in run.findings.all()] == ["unknown-key"]


def test_a_kek_that_is_online_is_taken_for_no_recovery_key(keys: KeySources, store: Store, new_primary: str) -> None:
    store()
    with pytest.raises(CommandError, match="offline"):
        command("rotate_keys", "--recovery", new_primary, "--inline")
    assert not (keys.directory / "ring.json").exists()
