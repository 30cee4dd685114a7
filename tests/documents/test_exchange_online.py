"""Sound envelopes in the wrong place, through the download service: swaps, replays and other lengths."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from documents.encryption.envelope import EnvelopeIds, Metadata, OpenEnvelope, Sealer, open_header
from documents.errors import DocumentUnreadable
from documents.key_rings import key_ring
from documents.models import Attachment, AuditEvent, Document, Vault
from documents.services.actors import Actor
from documents.services.downloads import Download
from documents.storage.base import StorageProvider
from tests.encryption.objects import finished

USERS = 5
CHUNK = 256 * 1024
HEADER = 4096
Store = Callable[..., Document]
Replace = Callable[[Attachment, bytes], None]
READER = Actor(None, "code")


@pytest.fixture
def replace_object(provider: StorageProvider) -> Replace:
    def put(attachment: Attachment, content: bytes) -> None:
        provider.delete(attachment.storage_path)
        provider.put_bytes(attachment.storage_path, content)

    return put


@pytest.fixture
def attachments_of_five(store: Store, db: None) -> Callable[[int], list[Attachment]]:
    """Store this many documents of one length, each with its own content, for five users in turn."""

    def make(count: int) -> list[Attachment]:
        users = [User.objects.create_user(f"user {number}") for number in range(USERS)]
        documents = [store(content_of(number), owner=users[number % USERS]) for number in range(count)]
        return [document.current_attachment() for document in documents]

    return make


def content_of(number: int) -> bytes:
    return b"payslip %9d" % number


def read(attachment: Attachment, released: bytearray, start: int = 0, stop: int | None = None) -> bytes:
    """What the download gives; ``released`` collects it also where an error ends it."""
    stop = attachment.size if stop is None else stop
    for piece in Download(attachment, READER, start=start, stop=stop):
        released += piece
    return bytes(released)


def refusal_of(attachment: Attachment, **span: int) -> str:
    """Read what must be refused with nothing released, and say why it was."""
    released = bytearray()
    with pytest.raises(DocumentUnreadable) as refused:
        read(attachment, released, **span)
    assert not released
    return str(refused.value.__cause__)


def swaps_refused(attachments: list[Attachment], provider: StorageProvider, replace_object: Replace) -> int:
    objects = {each.pk: provider.get(each.storage_path) for each in attachments}
    refused = 0
    for mine, other in itertools.permutations(attachments, 2):
        replace_object(mine, objects[other.pk])
        assert "PREFIX and CORE differ" in refusal_of(mine)
        refused += 1
    for number, mine in enumerate(attachments):
        replace_object(mine, objects[mine.pk])
        assert read(mine, bytearray()) == content_of(number)
    assert AuditEvent.objects.filter(action="attachment.unreadable").count() == refused
    return refused


def earlier(attachment: Attachment, content: bytes) -> bytes:
    """A valid envelope of the same vault, document and attachment, sealed with the same key ring."""
    ids = EnvelopeIds(Vault.current_id(), attachment.document_id, attachment.pk)
    metadata = Metadata(attachment.filename, attachment.content_type, "alice", attachment.created_at)
    stored = finished(Sealer(ids, metadata, key_ring()), content)
    assert open_header(stored, key_ring(), expected=ids).ids == ids, "only the row can tell it from the object"
    return stored


def replays_refused(attachments: list[Attachment], replace_object: Replace, *, each: int) -> int:
    refused = 0
    for attachment, number in itertools.product(attachments, range(each)):
        replace_object(attachment, earlier(attachment, content_of(1000 + number)))
        assert "PREFIX and CORE differ" in refusal_of(attachment)
        assert "PREFIX and CORE differ" in refusal_of(attachment, start=3, stop=5)
        attachment.refresh_from_db()
        assert attachment.suspect_at is not None
        refused += 1
    return refused


def test_90_swaps_are_refused(
    attachments_of_five: Callable[[int], list[Attachment]], provider: StorageProvider, replace_object: Replace
) -> None:
    assert swaps_refused(attachments_of_five(10), provider, replace_object) == 90


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_2450_swaps_of_50_objects_are_refused(
    attachments_of_five: Callable[[int], list[Attachment]], provider: StorageProvider, replace_object: Replace
) -> None:
    refused = swaps_refused(attachments_of_five(50), provider, replace_object)
    print(f"{refused} swaps of 50 objects of {USERS} users: {refused} refused")  # noqa: T201  # the figures of a long run
    assert refused == 2450


def test_five_replays_are_refused(
    attachments_of_five: Callable[[int], list[Attachment]], replace_object: Replace
) -> None:
    assert replays_refused(attachments_of_five(5), replace_object, each=1) == 5


@pytest.mark.long
def test_100_replays_are_refused(
    attachments_of_five: Callable[[int], list[Attachment]], replace_object: Replace
) -> None:
    refused = replays_refused(attachments_of_five(20), replace_object, each=5)
    print(f"{refused} replays of 20 objects of {USERS} users: {refused} refused")  # noqa: T201
    assert refused == 100


def opening_without(monkeypatch: pytest.MonkeyPatch, **checks: Any) -> None:
    """Let the download service open headers without these arguments' checks."""
    monkeypatch.setattr(
        "documents.services.downloads.open_header", lambda *header, **asked: open_header(*header, **(asked | checks))
    )


def test_without_the_rows_context_a_replay_is_served(
    store: Store, replace_object: Replace, monkeypatch: pytest.MonkeyPatch
) -> None:
    attachment = store(content_of(1)).current_attachment()
    replace_object(attachment, earlier(attachment, content_of(2)))
    assert "PREFIX and CORE differ" in refusal_of(attachment)

    opening_without(monkeypatch, expected_prefix_core=None)

    assert read(attachment, bytearray()) == content_of(2)


def test_without_the_rows_context_the_ids_alone_refuse_a_swap(
    store: Store, provider: StorageProvider, replace_object: Replace, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = (store(content_of(number)).current_attachment() for number in range(2))
    replace_object(mine, provider.get(other.storage_path))

    opening_without(monkeypatch, expected_prefix_core=None)
    assert "belongs to another attachment" in refusal_of(mine)
    opening_without(monkeypatch, expected_prefix_core=None, expected=None)
    assert read(mine, bytearray()) == content_of(1)


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(HEADER + 2 * (CHUNK + 16), id="a chunk less"),
        pytest.param(HEADER + 4 * (CHUNK + 16), id="a chunk more"),
        pytest.param(HEADER + 2 * (CHUNK + 16) + 17, id="a byte left of the last chunk"),
    ],
)
def test_another_possible_length_is_refused_by_the_length_alone(
    store: Store, provider: StorageProvider, replace_object: Replace, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """The first chunk, which a range asks for, verifies in an object of any of these lengths."""
    attachment = store(b"a" * 3 * CHUNK).current_attachment()
    sealed = provider.get(attachment.storage_path)
    assert len(sealed) == HEADER + 3 * (CHUNK + 16)
    replace_object(attachment, sealed[:size].ljust(size, b"\0"))

    assert "another length than the one that was stored" in refusal_of(attachment, start=0, stop=9)
    assert "another length than the one that was stored" in refusal_of(attachment)

    monkeypatch.setattr(OpenEnvelope, "plaintext_size", lambda *_: attachment.size)
    assert read(attachment, bytearray(), start=0, stop=9) == b"a" * 9


def test_a_replay_is_a_failed_download_for_the_person(
    store: Store, replace_object: Replace, alice: User, client_of: Callable[[User | None], Client]
) -> None:
    attachment = store(content_of(1)).current_attachment()
    replace_object(attachment, earlier(attachment, content_of(2)))

    for headers in ({}, {"Range": "bytes=3-5"}):
        answer = client_of(alice).get(f"/documents/{attachment.document_id}/content", headers=headers)
        assert answer.status_code == 502
        assert b"payslip  " not in answer.content
