"""Sealing anew takes as long as it takes: its leases are kept meanwhile, and what the store has is read back."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf.storage_file import OwnConfig, StorageFile
from documents.errors import IntegrityMismatch
from documents.models import Attachment, AuditEvent, StagedAttachment
from documents.services import resealing
from documents.services.actors import Actor
from documents.services.resealing import reseal
from documents.storage.base import Buffer, ObjectReader, ObjectRef, StorageProvider
from documents.storage.forwarding import undecorated
from documents.storage.memory import MemoryProvider
from documents.upkeep.reseal import begin_resealing
from documents.upkeep.shares import LeaseLost
from documents.upkeep.worker import work_on
from tests.conftest import Store
from tests.upkeep.rotating import attachment_of
from tests.upkeep.test_rewrap import content_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys")]
LARGE = bytes(5_000_000)


class Rotting(MemoryProvider):
    """Loses a bit of what it was given, once it has said that it has it."""

    rots = False

    def put_bytes(self, key: str, data: Buffer) -> ObjectRef:
        stored = super().put_bytes(key, data)
        if self.rots:
            self.replace(key, bytes(data)[:-1] + bytes([data[-1] ^ 1]), etag=self.head(key).etag)
        return stored


@pytest.fixture
def rotting(settings: Settings) -> Iterator[Rotting]:
    """Where new documents go."""
    own = OwnConfig(f"{Rotting.__module__}.{Rotting.__qualname__}", options=())
    settings.VAULT = replace(
        settings.VAULT, storage_type="own", storage_file=StorageFile(stores=(("own", own),)), s3=None
    )
    wiring.reset()
    yield undecorated(wiring.storage_provider())  # type: ignore[misc]
    wiring.reset()


def test_the_old_object_stays_where_the_new_one_reads_back_differently(
    rotting: Rotting, store: Store, operator: Actor
) -> None:
    document = store(b"a contract")
    old = attachment_of(document)
    rotting.rots = True

    with pytest.raises(IntegrityMismatch, match="What is read back differs"):
        reseal(old, operator)

    now = attachment_of(document)
    assert (now.pk, now.storage_path) == (old.pk, old.storage_path)
    assert [info.key for info in rotting.iter_locations("documents/")] == [old.storage_path]
    assert content_of(now, operator) == b"a contract"


@pytest.fixture
def reading_back(provider: StorageProvider, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that were opened so far, in their order: the last one is the new object while it is read back."""
    opened: list[str] = []
    opens = type(provider).open

    def noted(store: StorageProvider, key: str, **options: int) -> ObjectReader:
        opened.append(key)
        return opens(store, key, **options)

    monkeypatch.setattr(type(provider), "open", noted)
    return opened


def test_signs_of_life_are_given_and_the_lease_is_kept_while_it_is_read_and_read_back(
    store: Store, operator: Actor, settings: Settings, monkeypatch: pytest.MonkeyPatch, reading_back: list[str]
) -> None:
    old = attachment_of(store(LARGE))
    monkeypatch.setattr(resealing, "SIGNS_OF_LIFE", 0.0)
    settings.VAULT = replace(settings.VAULT, upload_lease=timedelta(microseconds=3))
    signs: list[tuple[str, object]] = []

    def sign() -> None:
        intent = StagedAttachment.objects.get()
        of = "old" if reading_back[-1] == old.storage_path else "new"
        signs.append((of, intent.expires_at))

    reseal(old, operator, sign_of_life=sign)

    for of in ("old", "new"):
        times = [at for whose, at in signs if whose == of]
        assert len(times) >= 3
        assert len(set(times)) == len(times), "the lease of the intent was renewed between two signs"


def test_who_lost_the_share_stops_while_it_is_read_back(
    store: Store, operator: Actor, monkeypatch: pytest.MonkeyPatch, reading_back: list[str]
) -> None:
    document = store(LARGE)
    old = attachment_of(document)
    monkeypatch.setattr(resealing, "SIGNS_OF_LIFE", 0.0)

    def sign() -> None:
        if reading_back[-1] != old.storage_path:
            raise LeaseLost

    with pytest.raises(LeaseLost):
        reseal(old, operator, sign_of_life=sign)

    assert attachment_of(document).pk == old.pk
    assert not StagedAttachment.objects.exclude(state=StagedAttachment.State.DISCARDED).exists()


def test_what_does_not_open_leaves_no_intent_and_no_event(
    store: Store, provider: StorageProvider, operator: Actor
) -> None:
    """A run waits for a key service by trying again: each try would be an event."""
    old = attachment_of(store(b"a contract"))
    provider.delete(old.storage_path)
    run = begin_resealing(operator)

    work_on(run.pk)

    assert run.findings.get().subject == old.pk
    assert not AuditEvent.objects.filter(action="attachment.reseal-failed").exists()
    assert Attachment.objects.get().pk == old.pk
