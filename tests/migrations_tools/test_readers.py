"""Whoever reads during a run gets the document: by the whole, by a range, by a link, with a row from before."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from documents.errors import DocumentUnreadable, ObjectNotFound
from documents.models import Attachment, AuditEvent
from documents.services.actors import Actor
from documents.services.downloads import Download
from documents.services.links import create_link, find_link, open_linked
from documents.services.object_reading import checksum_of
from documents.services.object_storage import ObjectStorageService
from documents.storage.base import ObjectReader, StorageProvider
from documents.wiring import readable_provider
from migrations_tools.states import RunKind
from tests.conftest import Store
from tests.migrations_tools.moving import Stores, outcomes, run_to

# Of several chunks of the envelope, which are 64 KiB or more.
LARGE = bytes(range(256)) * 1200
RANGES = [(0, len(LARGE)), (0, 10), (200_000, 300_000), (len(LARGE) - 1, len(LARGE))]


def move_and_purge(stores: Stores) -> None:
    run_to(stores.there)
    assert outcomes(run_to(stores.there, kind=RunKind.PURGE)) == {"done": Attachment.objects.count()}


def read(row: Attachment, actor: Actor, start: int, stop: int) -> bytes:
    with Download(row, actor, start=start, stop=stop) as download:
        return b"".join(bytes(piece) for piece in download)


@pytest.mark.parametrize(("start", "stop"), RANGES)
def test_a_row_from_before_the_switch_is_read_at_the_destination(
    stores: Stores, store: Store, as_alice: Actor, here: StorageProvider, start: int, stop: int
) -> None:
    row = store(LARGE).current_attachment()
    move_and_purge(stores)
    assert row.storage_type == stores.here
    assert not here.exists(row.storage_path)

    assert read(row, as_alice, start, stop) == LARGE[start:stop]

    assert row.storage_type == stores.there
    assert not AuditEvent.objects.filter(action="attachment.unreadable").exists()


def test_a_row_that_went_there_and_back_under_another_key_is_found(
    stores: Stores, store: Store, as_alice: Actor
) -> None:
    row = store(LARGE).current_attachment()
    before = row.storage_path
    move_and_purge(stores)
    run_to(stores.here)

    assert read(row, as_alice, 5, 50_000) == LARGE[5:50_000]

    assert (row.storage_type, row.storage_path == before) == (stores.here, False)


def test_without_the_second_look_at_the_row_it_would_be_called_damaged(
    stores: Stores, store: Store, as_alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of the tests above."""
    row = store(LARGE).current_attachment()
    move_and_purge(stores)
    monkeypatch.setattr(
        "documents.services.downloads.read_where_it_is",
        lambda row, read: read(readable_provider(row.storage_type, checksum_of)),
    )

    with pytest.raises(DocumentUnreadable):
        read(row, as_alice, 0, len(LARGE))


def test_a_range_whose_source_goes_between_its_two_requests_is_read_at_the_destination(
    stores: Stores, store: Store, as_alice: Actor, here: StorageProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, opened = store(LARGE).current_attachment(), type(here).open
    steps: list[Callable[[], None]] = [lambda: move_and_purge(stores)]

    def opening(self: StorageProvider, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
        if start and steps:
            steps.pop()()
        return opened(self, key, start=start, length=length)

    monkeypatch.setattr(type(here), "open", opening)

    assert read(row, as_alice, 200_000, 300_000) == LARGE[200_000:300_000]
    assert steps == []


def test_a_download_that_is_open_goes_on_through_the_switch(stores: Stores, store: Store, as_alice: Actor) -> None:
    row = store(LARGE).current_attachment()
    with Download(row, as_alice, start=0, stop=len(LARGE)) as download:
        pieces = iter(download)
        content = bytes(next(pieces))
        assert outcomes(run_to(stores.there)) == {"done": 1}
        content += b"".join(bytes(piece) for piece in pieces)

    assert content == LARGE


def test_a_link_made_before_a_run_gives_the_document_after_it(
    stores: Stores, store: Store, alice: User, as_alice: Actor
) -> None:
    document = store(LARGE)
    token = create_link(document, creator=alice, actor=as_alice).token
    link = find_link(token)
    move_and_purge(stores)

    for found in (link, find_link(token)):
        with open_linked(found, Actor(None, "link"), start=7, stop=70_000) as download:
            assert b"".join(bytes(piece) for piece in download) == LARGE[7:70_000]


def test_the_service_reads_what_lies_in_two_stores(stores: Stores, store: Store, alice: User) -> None:
    documents = [store(f"document {number}".encode()) for number in range(4)]
    run_to(stores.there, max_items=2)
    assert Attachment.objects.filter(storage_type=stores.there).count() == 2

    service = ObjectStorageService(alice)
    for number, document in enumerate(documents):
        assert b"".join(bytes(piece) for piece in service.retrieve(document.pk)) == f"document {number}".encode()


def test_an_object_that_is_in_neither_store_is_still_told(
    stores: Stores, store: Store, as_alice: Actor, there: StorageProvider
) -> None:
    row = store(LARGE).current_attachment()
    move_and_purge(stores)
    there.delete(row.storage_path)

    with pytest.raises(DocumentUnreadable) as told:
        read(row, as_alice, 0, 10)
    assert isinstance(told.value.__cause__, ObjectNotFound)
