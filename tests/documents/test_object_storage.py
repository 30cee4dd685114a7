"""The service that other code calls, and its asynchronous twins."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from documents.errors import DocumentNotFound, LinkRejected
from documents.models import AuditEvent, Document, StagedAttachment
from documents.services.object_storage import ObjectStorageService


@pytest.fixture
def service(alice: User) -> ObjectStorageService:
    return ObjectStorageService(alice)


def test_store_retrieve_share_delete(service: ObjectStorageService) -> None:
    document = service.store(iter([b"one ", b"two"]), filename="a.txt", content_type="text/plain", title="Title")

    assert b"".join(bytes(piece) for piece in service.retrieve(document.pk)) == b"one two"
    path = service.download_url(document.pk)
    assert Client().get(path).getvalue() == b"one two"
    service.delete(document.pk)
    assert Client().get(path).status_code == 410
    with pytest.raises(DocumentNotFound):
        service.retrieve(document.pk)


def test_what_the_source_raises_passes_through_and_nothing_is_left(service: ObjectStorageService) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise KeyError("source")

    with pytest.raises(KeyError, match="source"):
        service.store(broken(), filename="a")
    assert not Document.objects.exists()
    assert not StagedAttachment.objects.exists()


def test_a_url_expires_when_it_is_told_to(service: ObjectStorageService) -> None:
    document = service.store([b"x"], filename="a")

    with pytest.raises(LinkRejected):
        service.download_url(document.pk, expires_in=timedelta(days=365))


def test_another_user_has_none_of_it(service: ObjectStorageService, bob: User) -> None:
    document = service.store([b"x"], filename="a")
    theirs = ObjectStorageService(bob)

    for call in (theirs.retrieve, theirs.delete, theirs.download_url):
        with pytest.raises(DocumentNotFound):
            call(document.pk)


@pytest.mark.django_db(transaction=True)
def test_the_asynchronous_twins_do_the_same(alice: User) -> None:
    service = ObjectStorageService(alice)

    async def life() -> bytes:
        document = await service.astore([b"async"], filename="a")
        download = await service.aretrieve(document.pk)
        content = await asyncio.to_thread(lambda: b"".join(bytes(piece) for piece in download))
        assert (await service.adownload_url(document.pk)).startswith("/l/")
        await service.adelete(document.pk)
        await sync_to_async(connections.close_all)()  # of the thread that the twins ran in
        return content

    assert asyncio.run(life()) == b"async"
    assert not Document.objects.exists()
    assert AuditEvent.objects.filter(via="code").count() == 5
