"""The epoch guard: a database that is not the newest of its vault clears nothing away."""

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from documents.errors import ObjectExists, OlderDatabase, StoreReplaced, StoreShared
from documents.models import AuditEvent, CollectedStore, Sighting, StagedAttachment, Vault
from documents.models.clock import database_now
from documents.services.actors import Actor
from documents.services.epochs import KEPT, accept_database, check_current, ensure_current
from documents.services.staging import sweep_uploads
from documents.services.uploads import begin_upload
from documents.storage.base import Buffer, ObjectRef
from tests.documents.collecting import DAY, ORPHAN, ClockedStore, collected, keys_of, let_pass

OPERATOR = Actor(None, "command")


def restore_an_older_database() -> None:
    """What the guard goes by is as it was before the last pass."""
    CollectedStore.objects.update(epoch=0, written_epoch=0)


@pytest.fixture
def due(clocked: ClockedStore) -> ClockedStore:
    """A store with an object that the next pass would move to the trash."""
    clocked.put_bytes(ORPHAN, b"a document of the newer database")
    clocked.grow_older(2 * DAY)
    collected()
    let_pass(DAY, clocked)
    return clocked


def test_each_pass_counts_up_in_the_database_and_in_the_store(clocked: ClockedStore) -> None:
    for epoch in (1, 2, 3):
        ensure_current(clocked)
        standing = check_current(clocked)
        assert (standing.stored, standing.known, CollectedStore.objects.get().written_epoch) == (epoch, epoch, epoch)
    newest = keys_of(clocked, "vault/")[-1]
    told = json.loads(clocked.get(newest))
    assert newest == f"vault/{Vault.current_id()}/epochs/memory/{3:020}"
    assert (told["vault_id"], told["epoch"]) == (str(Vault.current_id()), 3)


def test_numbers_of_long_ago_are_removed(clocked: ClockedStore) -> None:
    for _ in range(3 * KEPT):
        ensure_current(clocked)

    assert len(keys_of(clocked, "vault/")) == KEPT + 1


def test_an_older_database_clears_nothing_and_names_both_numbers_and_the_way_out(due: ClockedStore) -> None:
    restore_an_older_database()
    before = keys_of(due, "")

    report = collected()

    assert "epoch is 1, this database's 0" in report.error
    assert "manage.py recover --add-missing" in report.error
    assert "collect_garbage --accept-older-database" in report.error
    assert keys_of(due, "") == before
    assert Sighting.objects.get().state == Sighting.State.SEEN


def test_without_the_guard_it_would_have_been_cleared_away(due: ClockedStore) -> None:
    assert collected().trashed == 1


def test_an_operator_may_know_better(due: ClockedStore) -> None:
    restore_an_older_database()

    accept_database(due, OPERATOR)

    assert collected().trashed == 1
    assert CollectedStore.objects.get().epoch == 2
    event = AuditEvent.objects.get(action="database.accepted")
    assert (event.detail["database_epoch"], event.detail["store_epoch"]) == (0, 1)


def test_a_store_that_lost_its_numbers_is_left_alone(due: ClockedStore) -> None:
    """An empty directory where a disk was mounted yesterday."""
    for key in keys_of(due, "vault/"):
        due.delete(key)

    with pytest.raises(StoreReplaced, match=r"epoch 1 and has none now.*mounted"):
        ensure_current(due)
    assert collected().trashed == 0
    accept_database(due, OPERATOR)
    assert collected().trashed == 1


def test_a_store_that_was_restored_from_an_earlier_day_is_no_reason_to_stop(clocked: ClockedStore) -> None:
    for _ in range(3):
        ensure_current(clocked)
    for key in keys_of(clocked, "vault/")[1:]:
        clocked.delete(key)

    ensure_current(clocked)

    assert check_current(clocked).stored == 4


def test_a_store_that_another_vault_uses_is_left_alone_by_both(due: ClockedStore) -> None:
    other = uuid4()
    due.put_bytes(f"vault/{other}/epochs/memory/{1:020}", b"{}")

    with pytest.raises(StoreShared, match=str(other)):
        ensure_current(due)
    with pytest.raises(StoreShared):
        accept_database(due, OPERATOR)
    assert collected().trashed == 0


def test_two_databases_that_count_side_by_side_find_each_other(
    clocked: ClockedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = ClockedStore.put_bytes

    def put_second(store: ClockedStore, key: str, data: Buffer) -> ObjectRef:
        put(store, key, b"another database was here a moment ago")
        return put(store, key, data)

    monkeypatch.setattr(ClockedStore, "put_bytes", put_second)

    for _ in range(2):
        with pytest.raises(OlderDatabase):
            ensure_current(clocked)
    assert len(keys_of(clocked, "vault/")) == 1, "and it does not count on from there"


def test_a_number_whose_answer_was_lost_is_known_again(clocked: ClockedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    put = ClockedStore.put_bytes

    def put_twice(store: ClockedStore, key: str, data: Buffer) -> ObjectRef:
        put(store, key, data)
        raise ObjectExists("An object with this key is there already", key=key)

    monkeypatch.setattr(ClockedStore, "put_bytes", put_twice)

    ensure_current(clocked)
    assert check_current(clocked).stored == 1


@pytest.fixture
def expired(clocked: ClockedStore, alice: User, as_alice: Actor) -> StagedAttachment:
    """To the newer database this upload is a document by now."""
    with begin_upload(owner=alice, filename="a", content_type="", actor=as_alice) as upload:
        upload.write(b"abc")
        staged = upload.finish()
    ensure_current(clocked)
    StagedAttachment.objects.update(expires_at=database_now() - timedelta(seconds=1))
    return staged


@pytest.mark.parametrize("state", [StagedAttachment.State.STAGED, StagedAttachment.State.RECEIVING])
def test_an_older_database_ends_no_upload(clocked: ClockedStore, expired: StagedAttachment, state: str) -> None:
    StagedAttachment.objects.update(state=state)
    restore_an_older_database()

    assert sweep_uploads() == 0

    assert clocked.exists(expired.storage_path)
    assert StagedAttachment.objects.get().state == state
    accept_database(clocked, OPERATOR)
    assert sweep_uploads() == 1
    assert not clocked.exists(expired.storage_path)


def test_a_sweep_of_nothing_asks_no_store(clocked: ClockedStore) -> None:
    assert sweep_uploads() == 0
    assert keys_of(clocked, "") == []


def test_what_was_discarded_is_discarded_in_every_later_database(
    clocked: ClockedStore, expired: StagedAttachment, store: Callable[..., object]
) -> None:
    StagedAttachment.objects.update(state=StagedAttachment.State.DISCARDED)
    restore_an_older_database()

    sweep_uploads()

    assert not clocked.exists(expired.storage_path)
