"""Rotation: a new primary, every DEK rewrapped for it, no body touched, and everything readable all the time."""

import pytest

from documents.conf import KeySources
from documents.encryption.vectors.keys import pem_of
from documents.errors import KekInUse
from documents.models import Attachment, AuditEvent, KekRecord, UpkeepRun
from documents.models.clock import database_now
from documents.models.upkeep import UpkeepState
from documents.services import kek_life
from documents.services.actors import Actor
from documents.services.downloads import Download
from documents.services.kek_standing import find_record
from documents.storage.base import StorageProvider
from documents.upkeep import runs
from documents.upkeep.errors import RunRefused
from documents.upkeep.rewrap import begin_rewrapping
from documents.upkeep.worker import work_on
from tests.conftest import Store
from tests.upkeep.rotating import attachment_of, make_primary, recipients_in_row, rotate, sidecars_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys")]
MOST_WRITTEN = 8 * 1024


def content_of(attachment: Attachment, actor: Actor) -> bytes:
    with Download(attachment, actor, start=0, stop=attachment.size) as download:
        return b"".join(bytes(piece) for piece in download)


def test_rotation_rewraps_everything_and_touches_no_body(
    store: Store, provider: StorageProvider, new_primary: str, old_primary: str, operator: Actor
) -> None:
    documents = [store(b"payslip %d" % number) for number in range(5)]
    before = {attachment.pk: attachment for attachment in Attachment.objects.all()}
    bodies = {attachment.pk: provider.get(attachment.storage_path) for attachment in before.values()}

    run = rotate(new_primary)

    assert run.state == UpkeepState.SUCCEEDED
    assert (run.total, run.round) == (5, 1)
    for number, document in enumerate(documents):
        after = attachment_of(document)
        assert after.kek_id == new_primary
        assert recipients_in_row(after)[0] == new_primary
        assert old_primary not in recipients_in_row(after)
        assert (after.digest, after.storage_path) == (before[after.pk].digest, before[after.pk].storage_path)
        assert provider.get(after.storage_path) == bodies[after.pk]
        assert sidecars_of(after) == [bytes(after.key_block)]
        assert 2 * len(after.key_block) <= MOST_WRITTEN
        assert content_of(after, operator) == b"payslip %d" % number


def test_a_second_rotation_finds_nothing_to_do(store: Store, new_primary: str, operator: Actor) -> None:
    store()
    rotate(new_primary)
    again = begin_rewrapping(operator)
    assert not work_on(again.pk)
    again.refresh_from_db()
    assert (again.state, again.total) == (UpkeepState.SUCCEEDED, 0)


def test_an_old_key_is_destroyed_and_everything_opens(
    store: Store, keys: KeySources, new_primary: str, old_primary: str, operator: Actor
) -> None:
    document = store(b"a contract")
    rotate(new_primary)
    record = find_record(old_primary[:12])
    assert kek_life.retire_kek(record, operator) == 1
    kek_life.ask_to_destroy(record, operator)
    KekRecord.objects.filter(pk=record.pk).update(destruction_due_at=record.retired_at)
    record.refresh_from_db()
    deleted = kek_life.destroy_kek(record, operator)
    assert [path.name for path in deleted] == ["primary.pem"]
    assert not (keys.directory / "primary.pem").exists()
    assert content_of(attachment_of(document), operator) == b"a contract"
    assert store(b"another").attachments.get().kek_id == new_primary
    actions = set(AuditEvent.objects.filter(action__startswith="kek.").values_list("action", flat=True))
    assert actions >= {"kek.made_primary", "kek.retired", "kek.destruction_asked", "kek.destroyed"}


def test_a_kek_that_is_needed_is_not_retired(store: Store, new_primary: str, old_primary: str, operator: Actor) -> None:
    store()
    make_primary(new_primary)
    with pytest.raises(KekInUse, match="1 attachments"):
        kek_life.retire_kek(find_record(old_primary), operator)


def test_one_rotation_at_a_time(store: Store, new_primary: str, operator: Actor) -> None:
    store()
    make_primary(new_primary)
    first = begin_rewrapping(operator)
    with pytest.raises(RunRefused, match=f"Run {first.pk} is running"):
        begin_rewrapping(operator)
    runs.cancel(first, operator)
    assert begin_rewrapping(operator).pk != first.pk


def test_a_paused_run_goes_on_where_it_was(store: Store, new_primary: str, operator: Actor) -> None:
    document = store()
    make_primary(new_primary)
    run = begin_rewrapping(operator)
    runs.pause(run, operator)
    assert not work_on(run.pk)
    assert attachment_of(document).kek_id != new_primary
    runs.resume(run, operator)
    work_on(run.pk)
    assert attachment_of(document).kek_id == new_primary
    assert UpkeepRun.objects.get().state == UpkeepState.SUCCEEDED


def test_half_a_key_file_goes_with_its_kek(
    keys: KeySources, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    store()
    left = keys.directory / "older" / ".primary.pem.x1y2z3"
    left.touch(mode=0o600)
    left.write_bytes(pem_of("primary"))
    rotate(new_primary)
    record = find_record(old_primary)
    kek_life.retire_kek(record, operator)
    kek_life.ask_to_destroy(record, operator)
    KekRecord.objects.update(destruction_due_at=database_now())
    kek_life.destroy_kek(record, operator)
    assert not left.exists()
