"""Documents of an older vault are read where they are: by the page, the API and links, like any other document."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf.legacy import LegacyConfig
from documents.errors import DocumentUnreadable
from documents.models import AdoptedSource, Attachment, AuditEvent, Document, StagedAttachment
from documents.services.actors import Actor
from documents.services.deletion import delete_document
from documents.services.links import create_link
from documents.services.tokens import create_token
from documents.storage.base import StorageProvider
from tests.adopting.older import CONTENT, READER, adopt, content_of, counts_of, older_key_of, put_envelope
from tests.legacy.making import older_envelope, pem_of_older

pytestmark = pytest.mark.django_db
Browser = Callable[[User | None], Client]


def test_it_is_a_document_whose_object_is_the_original(
    in_place: Attachment, envelope: bytes, alice: User, provider: StorageProvider
) -> None:
    document = Document.objects.get()

    assert (document.owner, document.title) == (alice, "passport")
    assert document.created_at == datetime(2024, 1, 15, tzinfo=UTC)
    assert (in_place.storage_type, in_place.storage_path) == (provider.name, older_key_of(alice))
    assert (in_place.size, in_place.sealed_size, in_place.is_in_place) == (len(CONTENT), len(envelope), True)
    assert len(in_place.kek_id) == 64
    assert [info.key for info in provider.iter_locations()] == [in_place.storage_path]
    assert provider.get(in_place.storage_path) == envelope, "nothing was written"
    assert content_of(in_place) == CONTENT
    assert AuditEvent.objects.filter(action="document.registered", attachment_id=in_place.pk).count() == 1


def test_again_registers_nothing(in_place: Attachment, settings: Settings) -> None:
    assert counts_of(adopt(settings.VAULT.storage_type, "--in-place")) == {"already-adopted": 1}
    assert (Document.objects.count(), AdoptedSource.objects.count()) == (1, 1)


def test_a_directory_inside_the_local_store_is_that_store(settings: Settings, alice: User) -> None:
    local = wiring.store_itself("local")
    put_envelope(local, older_key_of(alice))
    root = settings.VAULT.local_storage_path

    assert counts_of(adopt(root / "documents" / f"user_{alice.pk}", "--in-place", "--owner", "alice")) == {
        "registered": 1
    }
    assert counts_of(adopt(f"local:documents/user_{alice.pk}/", "--in-place")) == {"already-adopted": 1}
    assert Attachment.objects.get().storage_type == "local"


def test_the_page_and_a_download_show_it(in_place: Attachment, alice: User, client_of: Browser) -> None:
    browser, document = client_of(alice), in_place.document_id

    assert "passport" in browser.get(reverse("documents:list")).content.decode()
    assert browser.get(reverse("documents:detail", args=[document])).status_code == 200
    answer = browser.get(reverse("documents:content", args=[document]))
    assert b"".join(answer) == CONTENT
    assert answer["Content-Disposition"] == 'attachment; filename="passport.pdf"'
    assert answer["Content-Length"] == str(len(CONTENT))


def test_ranges_of_it_are_exact(in_place: Attachment, alice: User, client_of: Browser) -> None:
    path = reverse("documents:content", args=[in_place.document_id])
    for header, start, stop in (
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=-3", len(CONTENT) - 3, len(CONTENT)),
    ):
        answer = client_of(alice).get(path, headers={"Range": header})
        assert answer.status_code == 206
        assert b"".join(answer) == CONTENT[start:stop]
        assert answer["Content-Range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"


def test_the_api_shows_and_gives_it(in_place: Attachment, alice: User, as_alice: Actor) -> None:
    token = create_token(alice, actor=as_alice, scopes=("read",)).token
    headers = {"Authorization": f"Bearer {token}"}
    path = f"/api/v1/documents/{in_place.document_id}"

    told = Client().get(path, headers=headers).json()
    assert (told["filename"], told["size"], told["sha256"]) == ("passport.pdf", len(CONTENT), None)
    assert [one["id"] for one in Client().get("/api/v1/documents", headers=headers).json()["items"]] == [told["id"]]
    assert b"".join(Client().get(f"{path}/content", headers=headers)) == CONTENT


def test_a_link_gives_it(in_place: Attachment, alice: User, as_alice: Actor) -> None:
    made = create_link(in_place.document, creator=alice, actor=as_alice)

    answer = Client().get(reverse("links:open", args=[made.token]))

    assert b"".join(answer) == CONTENT


def test_nobody_else_sees_it(in_place: Attachment, bob: User, client_of: Browser) -> None:
    assert client_of(bob).get(reverse("documents:content", args=[in_place.document_id])).status_code == 404


def other_document() -> bytes:
    """One that opens well: anybody may wrap a key for the vault."""
    return older_envelope(CONTENT[::-1])


@pytest.mark.parametrize(
    "change", [lambda data: data[:-1] + b" ", lambda data: data + b"\n", lambda _: other_document()]
)
def test_an_object_that_was_exchanged_is_not_read(
    in_place: Attachment, envelope: bytes, provider: StorageProvider, change: Callable[[bytes], bytes]
) -> None:
    provider.delete(in_place.storage_path)
    provider.put_bytes(in_place.storage_path, change(envelope))

    with pytest.raises(DocumentUnreadable):
        content_of(in_place)
    in_place.refresh_from_db()
    assert in_place.suspect_at is not None


def test_without_the_digest_another_document_would_be_read(
    in_place: Attachment, provider: StorageProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("documents.services.legacy_reading.hmac.compare_digest", lambda _one, _other: True)
    provider.delete(in_place.storage_path)
    provider.put_bytes(in_place.storage_path, older_envelope(CONTENT[::-1]))
    Attachment.objects.update(sealed_size=provider.head(in_place.storage_path).size)
    in_place.refresh_from_db()

    assert content_of(in_place) == CONTENT[::-1]


def test_a_key_that_is_gone_makes_no_document_suspect(in_place: Attachment, settings: Settings) -> None:
    settings.VAULT = replace(settings.VAULT, legacy=LegacyConfig(key_pem=pem_of_older("another")))

    with pytest.raises(DocumentUnreadable):
        content_of(in_place)
    in_place.refresh_from_db()
    assert in_place.suspect_at is None
    settings.VAULT = replace(settings.VAULT, legacy=LegacyConfig(key_pem=pem_of_older()))
    assert content_of(in_place) == CONTENT


def test_deleting_it_deletes_its_object_like_any_other(
    in_place: Attachment, alice: User, provider: StorageProvider, settings: Settings
) -> None:
    delete_document(in_place.document_id, owner=alice, actor=READER)

    assert list(provider.iter_locations()) == []
    assert counts_of(adopt(settings.VAULT.storage_type, "--in-place")) == {}


def test_what_does_not_open_is_not_registered(settings: Settings, provider: StorageProvider, alice: User) -> None:
    provider.put_bytes(older_key_of(alice), older_envelope(CONTENT)[:-1])

    assert adopt(settings.VAULT.storage_type, "--in-place").told["causes"] == {"malformed": 1}
    assert not Document.objects.exists()
    assert not StagedAttachment.objects.exists()
