"""Downloads: never a byte that did not verify, whatever the store gives."""

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from pytest_django.fixtures import Settings

from documents.encryption.keyring import KeyRing
from documents.errors import (
    ConfigurationError,
    DocumentNotFound,
    DocumentUnreadable,
    LinkGone,
    SealOnlyKeyRing,
    StorageUnavailable,
    UnknownKey,
)
from documents.models import Attachment, AuditEvent, Document
from documents.services import audit
from documents.services.actors import Actor
from documents.services.deletion import delete_document
from documents.services.downloads import Download, open_download
from documents.services.links import create_link, open_linked
from documents.storage.base import StorageProvider
from documents.storage.memory import MemoryProvider
from tests.encryption.keys import ring_holding, upload_tier_ring

CHUNK = 256 * 1024
CONTENT = bytes(range(256)) * 4096  # 1 MiB, four chunks


@pytest.fixture
def attachment(store: Callable[..., Document]) -> Attachment:
    return store(CONTENT).current_attachment()


@pytest.fixture
def replace_object(provider: StorageProvider) -> Callable[[Attachment, bytes], None]:
    def put(attachment: Attachment, content: bytes) -> None:
        provider.delete(attachment.storage_path)
        provider.put_bytes(attachment.storage_path, content)

    return put


def read(attachment: Attachment, actor: Actor, start: int = 0, stop: int | None = None) -> bytes:
    stop = attachment.size if stop is None else stop
    return b"".join(bytes(piece) for piece in Download(attachment, actor, start=start, stop=stop))


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, 1),
        (0, CHUNK),
        (CHUNK - 1, CHUNK + 1),
        (CHUNK, 2 * CHUNK),
        (5, len(CONTENT)),
        (len(CONTENT) - 1, len(CONTENT)),
    ],
)
def test_a_range_is_exactly_what_was_asked_for(attachment: Attachment, as_alice: Actor, start: int, stop: int) -> None:
    assert read(attachment, as_alice, start, stop) == CONTENT[start:stop]


@pytest.mark.parametrize("place", [0, 9, 20, 70, 100, 130, 150, 600, 4095])
def test_a_changed_header_releases_nothing_and_is_told(
    attachment: Attachment, as_alice: Actor, provider: StorageProvider, replace_object: Callable[..., None], place: int
) -> None:
    sealed = bytearray(provider.get(attachment.storage_path))
    sealed[place] ^= 1
    replace_object(attachment, bytes(sealed))

    with pytest.raises(DocumentUnreadable):
        read(attachment, as_alice)

    attachment.refresh_from_db()
    assert attachment.suspect_at is not None
    assert list(AuditEvent.objects.filter(action="attachment.unreadable").values_list("attachment_id", flat=True)) == [
        attachment.pk
    ]
    assert not AuditEvent.objects.filter(action="document.downloaded").exists()


def test_a_changed_chunk_stops_the_stream_before_it(
    attachment: Attachment, as_alice: Actor, provider: StorageProvider, replace_object: Callable[..., None]
) -> None:
    sealed = bytearray(provider.get(attachment.storage_path))
    sealed[4096 + 2 * (CHUNK + 16) + 7] ^= 1
    replace_object(attachment, bytes(sealed))
    released = b""

    with pytest.raises(DocumentUnreadable):  # noqa: PT012  # what was released before the error is what counts
        for piece in Download(attachment, as_alice, start=0, stop=attachment.size):
            released += bytes(piece)

    assert released == CONTENT[: 2 * CHUNK]


@pytest.mark.parametrize("cut", [0, 15, 4095, 4096, 4096 + CHUNK + 16, -1])
def test_a_cut_object_is_refused(
    attachment: Attachment, as_alice: Actor, provider: StorageProvider, replace_object: Callable[..., None], cut: int
) -> None:
    replace_object(attachment, provider.get(attachment.storage_path)[:cut])

    with pytest.raises(DocumentUnreadable):
        read(attachment, as_alice)


def test_a_longer_object_is_refused(
    attachment: Attachment, as_alice: Actor, provider: StorageProvider, replace_object: Callable[..., None]
) -> None:
    replace_object(attachment, provider.get(attachment.storage_path) + b"\0")

    with pytest.raises(DocumentUnreadable):
        read(attachment, as_alice)


def test_objects_swapped_between_documents_are_refused(
    store: Callable[..., Document],
    bob: User,
    as_alice: Actor,
    provider: StorageProvider,
    replace_object: Callable[..., None],
) -> None:
    attachments = [store(b"same length", owner=owner).current_attachment() for owner in (bob, bob)]
    attachments += [store(b"same length").current_attachment() for _ in range(2)]
    objects = {one.pk: provider.get(one.storage_path) for one in attachments}

    for mine in attachments:
        for other in attachments:
            if mine is not other:
                replace_object(mine, objects[other.pk])
                with pytest.raises(DocumentUnreadable):
                    read(mine, as_alice)
        replace_object(mine, objects[mine.pk])
        assert read(mine, as_alice) == b"same length"


def test_a_missing_object_is_told(attachment: Attachment, as_alice: Actor, provider: StorageProvider) -> None:
    provider.delete(attachment.storage_path)

    with pytest.raises(DocumentUnreadable):
        read(attachment, as_alice)
    assert AuditEvent.objects.get(action="attachment.unreadable").detail == {"reason": "ObjectNotFound"}


def test_a_row_that_was_switched_meanwhile_is_read_once_more(
    attachment: Attachment, as_alice: Actor, provider: StorageProvider
) -> None:
    stale = Attachment.objects.get(pk=attachment.pk)
    moved = attachment.storage_path.replace("documents/", "moved/")
    provider.put_bytes(moved, provider.get(attachment.storage_path))
    provider.delete(attachment.storage_path)
    Attachment.objects.update(storage_path=moved)

    assert read(stale, as_alice) == CONTENT


def test_a_store_that_does_not_answer_marks_nothing_suspect(
    attachment: Attachment, as_alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Down(MemoryProvider):
        def open(self, key: str, **_span: object) -> NoReturn:
            raise StorageUnavailable("down", key=key)

    monkeypatch.setattr("documents.services.object_reading.readable_provider", lambda *_: Down(name="memory"))

    with pytest.raises(StorageUnavailable):
        read(attachment, as_alice)
    attachment.refresh_from_db()
    assert attachment.suspect_at is None


def use_ring(monkeypatch: pytest.MonkeyPatch, ring: KeyRing) -> None:
    monkeypatch.setattr("documents.services.downloads.key_ring", lambda: ring)


def test_an_unknown_kek_is_not_damage(attachment: Attachment, as_alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    use_ring(monkeypatch, ring_holding("stranger", origin_keys=("origin",)))

    with pytest.raises(DocumentUnreadable) as raised:
        read(attachment, as_alice)
    assert isinstance(raised.value.__cause__, UnknownKey)
    attachment.refresh_from_db()
    assert attachment.suspect_at is None, "the object is sound; the key is missing"


def test_public_keys_alone_seal_and_do_not_open(
    attachment: Attachment, as_alice: Actor, monkeypatch: pytest.MonkeyPatch, store: Callable[..., Document]
) -> None:
    ring = upload_tier_ring()
    monkeypatch.setattr("documents.services.uploads.key_ring", lambda: ring)
    sealed_by_public_keys = store(b"still sealed").current_attachment()

    with monkeypatch.context() as patch:
        patch.setattr("documents.services.downloads.key_ring", lambda: ring)
        with pytest.raises(SealOnlyKeyRing):
            read(attachment, as_alice)
    assert sealed_by_public_keys.size == len(b"still sealed")


def test_the_recovery_key_opens_it_too(
    attachment: Attachment, as_alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_ring(monkeypatch, ring_holding("recovery", origin_keys=("origin",)))

    assert read(attachment, as_alice) == CONTENT


def test_an_object_outside_of_the_configured_stores_is_a_fault_of_configuration(
    attachment: Attachment, as_alice: Actor, settings: Settings
) -> None:
    settings.VAULT = replace(settings.VAULT, s3=None)
    Attachment.objects.update(storage_type="elsewhere")
    attachment.refresh_from_db()

    with pytest.raises(ConfigurationError, match="elsewhere"):
        read(attachment, as_alice)


def test_a_repaired_document_is_no_longer_suspect(
    attachment: Attachment, as_alice: Actor, provider: StorageProvider, replace_object: Callable[..., None]
) -> None:
    good = provider.get(attachment.storage_path)
    provider.delete(attachment.storage_path)
    with pytest.raises(DocumentUnreadable):
        read(attachment, as_alice)
    provider.put_bytes(attachment.storage_path, good)
    attachment.refresh_from_db()

    read(attachment, as_alice, 0, 10)
    attachment.refresh_from_db()
    assert attachment.suspect_at is not None, "a part says nothing of the rest"
    read(attachment, as_alice)
    attachment.refresh_from_db()
    assert attachment.suspect_at is None


def test_a_document_deleted_meanwhile_is_not_found_and_no_fault(
    attachment: Attachment, alice: User, as_alice: Actor
) -> None:
    delete_document(attachment.document_id, owner=alice, actor=as_alice)

    with pytest.raises(DocumentNotFound):
        read(attachment, as_alice)
    assert not AuditEvent.objects.filter(action="attachment.unreadable").exists()


def test_a_link_whose_document_is_deleted_meanwhile_has_ended(
    attachment: Attachment, alice: User, as_alice: Actor, provider: StorageProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = create_link(attachment.document, creator=alice, actor=as_alice).link
    monkeypatch.setattr("documents.services.links.linked_attachment", lambda _link: attachment)
    delete_document(attachment.document_id, owner=alice, actor=as_alice)

    with pytest.raises(LinkGone):
        open_linked(link, as_alice, start=0, stop=attachment.size)


def test_a_download_that_cannot_be_audited_gives_its_reader_back(
    attachment: Attachment, as_alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Download] = []
    close = Download.close

    def noted(download: Download) -> None:
        closed.append(download)
        close(download)

    monkeypatch.setattr(Download, "close", noted)

    def refuse(*_args: object, **_facts: object) -> NoReturn:
        raise DatabaseError("no room for a row")

    monkeypatch.setattr(audit, "record", refuse)
    with pytest.raises(DatabaseError):
        open_download(attachment, as_alice, start=0, stop=attachment.size)
    assert len(closed) == 1
