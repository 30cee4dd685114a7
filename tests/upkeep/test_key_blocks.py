"""Key blocks in rows and beside objects: damaged, strange, in the way; and what repairs them."""

import pytest

from documents.key_rings import key_ring
from documents.models import Attachment, StagedAttachment
from documents.services import kek_life
from documents.services.actors import Actor
from documents.services.kek_standing import find_record
from documents.services.rewrapping import rewrap_past_others
from documents.services.sidecars import sequence_in
from documents.storage.base import StorageProvider
from documents.upkeep.rewrap import begin_rewrapping
from documents.upkeep.verify import begin_verifying
from tests.conftest import Store
from tests.upkeep.rotating import attachment_of, done, make_primary, recipients_in_row, rotate, sidecars_of
from tests.upkeep.test_rewrap import content_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys")]


def test_a_repair_trusts_no_key_block_that_does_not_verify(
    store: Store, provider: StorageProvider, new_primary: str, old_primary: str, operator: Actor
) -> None:
    document = store(b"a contract")
    rotate(new_primary)
    row = attachment_of(document)
    flipped = bytearray(row.key_block)
    flipped[200] ^= 1
    Attachment.objects.update(key_block=bytes(flipped))
    provider.delete(f"keyblocks/{row.pk}.1")
    deep = done(begin_verifying(operator, deep=True))
    assert sorted(finding.code for finding in deep.findings.all()) == ["key-block-damaged", "sidecar-missing"]

    assert done(begin_rewrapping(operator, repair=True)).state == "succeeded"

    assert done(begin_verifying(operator, deep=True)).state == "succeeded"
    kek_life.retire_kek(find_record(old_primary), operator)
    assert content_of(attachment_of(document), operator) == b"a contract"


def test_a_header_key_block_that_was_damaged_in_its_row_is_repaired(store: Store, operator: Actor) -> None:
    document = store(b"a contract")
    flipped = bytearray(attachment_of(document).key_block)
    flipped[-1] ^= 1
    Attachment.objects.update(key_block=bytes(flipped))
    assert done(begin_rewrapping(operator, repair=True)).state == "succeeded"
    assert done(begin_verifying(operator, deep=True)).state == "succeeded"


def test_key_blocks_with_high_numbers_hide_none_and_are_told(
    store: Store, provider: StorageProvider, new_primary: str, operator: Actor
) -> None:
    attachment = attachment_of(store(b"a contract"))
    for number in (1, 2, *range(100, 107)):
        provider.put_bytes(f"keyblocks/{attachment.pk}.{number}", b"garbage")
    assert rotate(new_primary).state == "succeeded"
    now = Attachment.objects.get(pk=attachment.pk)
    assert sequence_in(bytes(now.key_block)) == 107
    assert bytes(now.key_block) in sidecars_of(now)
    provider.put_bytes(f"keyblocks/{attachment.pk}.4294967295", b"garbage" * 10_000)
    provider.put_bytes(f"keyblocks/{attachment.pk}.99999999999", b"garbage")
    assert max(map(len, sidecars_of(now))) < 20_000
    run = done(begin_verifying(operator))
    assert [(finding.code, finding.storage_path[-10:]) for finding in run.findings.all()] == [
        ("sidecar-stray", "4294967295")
    ]


def test_a_lower_number_is_taken_where_it_hides_nothing(
    store: Store, provider: StorageProvider, new_primary: str
) -> None:
    attachment = attachment_of(store(b"a contract"))
    for number in (1, 2, 4294967295):
        provider.put_bytes(f"keyblocks/{attachment.pk}.{number}", b"garbage")
    rotate(new_primary)
    assert sequence_in(bytes(Attachment.objects.get(pk=attachment.pk).key_block)) == 3


def test_an_upload_that_was_confirmed_meanwhile_is_rewrapped_past_what_is_there(
    store: Store, provider: StorageProvider, new_primary: str, operator: Actor
) -> None:
    attachment = attachment_of(store(b"a contract"))
    provider.put_bytes(f"keyblocks/{attachment.pk}.1", b"garbage")
    make_primary(new_primary)
    rewrap_past_others(StagedAttachment, attachment.pk, key_ring())
    now = Attachment.objects.get(pk=attachment.pk)
    assert (recipients_in_row(now)[0], sidecars_of(now)[0]) == (new_primary, bytes(now.key_block))


def test_a_row_whose_store_is_not_configured_is_told_and_stays_as_it_is(store: Store, new_primary: str) -> None:
    attachment, other = attachment_of(store()), attachment_of(store())
    Attachment.objects.filter(pk=other.pk).update(storage_type="taken-away")
    run = rotate(new_primary)
    assert (run.state, run.findings.get().subject) == ("failed", other.pk)
    assert recipients_in_row(Attachment.objects.get(pk=attachment.pk))[0] == new_primary
    assert bytes(Attachment.objects.get(pk=other.pk).key_block) == bytes(other.key_block)
