"""VaultStorage: what any FileField stores is sealed, and comes back as it was."""

import io
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models
from django.test import Client, override_settings
from pytest_django.fixtures import Settings

from documents.conf.storage_file import StorageFile
from documents.errors import (
    DocumentUnreadable,
    ObjectTooLarge,
    PolicyNotFound,
    RetentionActive,
    SealOnlyKeyRing,
    TypeNotAllowed,
)
from documents.filestorage import OpenFile, VaultStorage
from documents.storage import multipart
from documents.storage.base import StorageProvider
from documents.storage.capabilities import Multipart
from documents.storage.conformance_samples import body_of
from documents.storage.policies import Policy
from tests.keyring import write_keys

pytestmark = pytest.mark.django_db

BODY = body_of(1_000_000)
VAULT_STORAGE = VaultStorage(policy="payslips")


class Payslip(models.Model):
    """A model of another app."""

    file = models.FileField(storage=VAULT_STORAGE, upload_to="payslips/%Y")

    class Meta:
        app_label = "another_app"
        managed = False

    def __str__(self) -> str:
        return str(self.file.name)


@pytest.fixture(autouse=True)
def policies(settings: Settings) -> None:
    rules = (
        Policy("payslips", store=settings.VAULT.storage_type, max_size=2_000_000, key_prefix="hr"),
        Policy("pictures", store=settings.VAULT.storage_type, allowed_types=("image/*",), retention=timedelta(days=2)),
    )
    settings.VAULT = replace(settings.VAULT, storage_file=StorageFile(policies=rules))


@pytest.fixture
def vault_storage() -> VaultStorage:
    return VAULT_STORAGE


@pytest.fixture
def name(vault_storage: VaultStorage) -> str:
    return vault_storage.save("payslips/may.pdf", ContentFile(BODY))


def test_a_file_field_keeps_sealed_content(provider: StorageProvider) -> None:
    payslip = Payslip()
    payslip.file.save("May 2026 (canary).pdf", SimpleUploadedFile("x", BODY, "application/pdf"), save=False)

    assert payslip.file.name is not None
    assert payslip.file.name.startswith("payslips/2")
    assert payslip.file.size == len(BODY)
    with payslip.file.open("rb") as file:
        assert file.read() == BODY
    [stored] = list(provider.iter_locations("hr/files/payslips/"))
    assert "canary" not in stored.key
    sealed = provider.get(stored.key)
    assert BODY[:64] not in sealed
    assert b"canary" not in sealed
    payslip.file.delete(save=False)
    assert not provider.exists(stored.key)


def test_the_original_name_and_type_come_back(vault_storage: VaultStorage) -> None:
    hostile = SimpleUploadedFile("..\\..\\a\nb\u202e.pdf", b"x", content_type="Application/PDF; charset=x")
    with vault_storage.open(vault_storage.save("a\nb\u202e.pdf", hostile)) as file:
        assert isinstance(file, OpenFile)
        assert (file.original_name, file.content_type) == ("ab.pdf", "application/pdf")
    with vault_storage.open(vault_storage.save("notes.txt", ContentFile("text"))) as file:
        assert isinstance(file, OpenFile)
        assert (file.content_type, file.read()) == ("text/plain", b"text")


@pytest.mark.parametrize("size", [0, 1, 262_143, 262_144, 262_145, 600_000])
def test_every_size_comes_back(vault_storage: VaultStorage, size: int) -> None:
    stored = vault_storage.save("f", ContentFile(BODY[:size]))
    with vault_storage.open(stored) as file:
        assert file.read() == BODY[:size]
        assert file.read() == b""
    assert vault_storage.size(stored) == size


def test_a_file_is_read_from_anywhere(vault_storage: VaultStorage, name: str) -> None:
    with vault_storage.open(name) as file:
        for number in range(50):
            start, length = number * 524_287 % (len(BODY) + 10), number * 99_991 % 300_000
            file.seek(start)
            assert file.read(length) == BODY[start : start + length]
            assert file.tell() == max(start, min(len(BODY), start + length))
        assert file.seek(-5, io.SEEK_END) == len(BODY) - 5
        assert file.read() == BODY[-5:]
        with pytest.raises(ValueError, match="no byte"):
            file.seek(-1)
        file.seek(0)
        assert b"".join(file.chunks(70_000)) == BODY


def test_names_are_never_taken_twice(vault_storage: VaultStorage) -> None:
    names = [vault_storage.save("payslips/may.pdf", ContentFile(b"%d" % number)) for number in range(3)]
    assert len(set(names)) == 3
    assert [vault_storage.open(name).read() for name in names] == [b"0", b"1", b"2"]
    assert vault_storage.listdir("payslips")[1] == sorted(name.removeprefix("payslips/") for name in names)
    assert vault_storage.listdir("")[0] == ["payslips"]


def test_what_is_not_there_is_told_as_django_tells_it(vault_storage: VaultStorage, name: str) -> None:
    vault_storage.delete(name)
    vault_storage.delete(name)
    assert not vault_storage.exists(name)
    for call in (
        vault_storage.open,
        vault_storage.size,
        vault_storage.get_modified_time,
        vault_storage.get_created_time,
    ):
        with pytest.raises(FileNotFoundError):
            call(name)
    for wrong in ("../up", "/absolute", "a//b", "a\x00b"):
        assert not vault_storage.exists(wrong)
        with pytest.raises(SuspiciousFileOperation):
            vault_storage.open(wrong)
    with pytest.raises(SuspiciousFileOperation):
        vault_storage.save("../up.pdf", ContentFile(b"x"))
    with pytest.raises(SuspiciousFileOperation, match="characters"):
        vault_storage.save("a/b.pdf", ContentFile(b"x"), max_length=20)
    with pytest.raises(ValueError, match="'wb'"):
        vault_storage.open(name, "wb")
    with pytest.raises(PolicyNotFound):
        VaultStorage(policy="no such").save("a", ContentFile(b"x"))


def test_an_object_does_not_open_under_another_name(
    vault_storage: VaultStorage, name: str, provider: StorageProvider
) -> None:
    other = vault_storage.save("payslips/june.pdf", ContentFile(b"june"))
    provider.delete(f"hr/files/{other}")
    provider.put_bytes(f"hr/files/{other}", provider.get(f"hr/files/{name}"))
    with pytest.raises(DocumentUnreadable):
        vault_storage.open(other)


@pytest.mark.parametrize("size", [0, 300_000])
@pytest.mark.parametrize(
    "cut", ["nothing", "header", "header and 16 zeros", "a chunk less", "a byte less", "a byte more"]
)
def test_an_object_that_was_cut_is_no_shorter_file(
    vault_storage: VaultStorage, provider: StorageProvider, size: int, cut: str
) -> None:
    stored = vault_storage.save("f", ContentFile(BODY[:size]))
    sealed, chunk = provider.get(f"hr/files/{stored}"), 262_144 + 16
    changed = {
        "nothing": b"",
        "header": sealed[:4096],
        "header and 16 zeros": sealed[:4096] + bytes(16),
        "a chunk less": sealed[: 4096 + chunk] if size else sealed[:4090],
        "a byte less": sealed[:-1],
        "a byte more": sealed + b"x",
    }[cut]
    provider.delete(f"hr/files/{stored}")
    provider.put_bytes(f"hr/files/{stored}", changed)
    with pytest.raises(DocumentUnreadable):
        vault_storage.open(stored)


@pytest.mark.parametrize("place", [0, 20, 5_000, -1])
def test_a_changed_object_gives_no_byte_that_did_not_verify(
    vault_storage: VaultStorage, name: str, provider: StorageProvider, place: int
) -> None:
    sealed = bytearray(provider.get(f"hr/files/{name}"))
    sealed[place] ^= 1
    provider.delete(f"hr/files/{name}")
    provider.put_bytes(f"hr/files/{name}", bytes(sealed))
    got = bytearray()

    def read() -> None:
        with vault_storage.open(name) as file:
            while piece := file.read(100_000):
                got.extend(piece)

    with pytest.raises(DocumentUnreadable):
        read()
    assert BODY.startswith(got)
    assert len(got) < len(BODY)


def test_the_policy_decides(vault_storage: VaultStorage, provider: StorageProvider, settings: Settings) -> None:
    before = len(list(provider.iter_locations("hr/")))
    with pytest.raises(ObjectTooLarge, match="2,000,000"):
        vault_storage.save("large", ContentFile(bytes(2_000_001)))
    assert len(list(provider.iter_locations("hr/"))) == before
    pictures = VaultStorage(policy="pictures")
    with pytest.raises(TypeNotAllowed, match="application/pdf"):
        pictures.save("a.pdf", ContentFile(b"x"))
    picture = pictures.save("a.png", ContentFile(b"x"))
    with pytest.raises(RetentionActive):
        pictures.delete(picture)
    # Not by moving the clock: a store far away refuses requests of another day.
    over = Policy("pictures", store=settings.VAULT.storage_type, retention=timedelta(microseconds=1))
    settings.VAULT = replace(settings.VAULT, storage_file=StorageFile(policies=(over,)))
    pictures.delete(picture)
    assert not pictures.exists(picture)


def test_a_tier_of_public_keys_seals_and_tells_sizes_and_opens_nothing(
    vault_storage: VaultStorage, settings: Settings, tmp_path: Path
) -> None:
    keys = replace(settings.VAULT.keys, directory=write_keys(tmp_path / "keys", seal_only=True))
    settings.VAULT = replace(settings.VAULT, keys=keys)
    stored = vault_storage.save("a", ContentFile(b"abc"))
    assert vault_storage.size(stored) == 3
    with pytest.raises(SealOnlyKeyRing):
        vault_storage.open(stored)


def test_it_is_an_entry_of_storages(settings: Settings) -> None:
    entry = {"BACKEND": "documents.filestorage.VaultStorage", "OPTIONS": {"policy": "payslips"}}
    with override_settings(STORAGES={**settings.STORAGES, "payslips": entry}):
        stored = storages["payslips"].save("a.txt", File(io.BytesIO(b"abc"), "a.txt"))
        assert storages["payslips"].open(stored).read() == b"abc"
    path, arguments, options = VaultStorage("payslips").deconstruct()  # type: ignore[attr-defined]  # by the decorator
    assert (path, arguments, options) == ("documents.filestorage.VaultStorage", ("payslips",), {})


def test_a_signed_url_gives_the_file_for_five_minutes(vault_storage: VaultStorage, client: Client) -> None:
    page = SimpleUploadedFile("page.html", b"<script>alert(1)</script>", "text/html")
    url = vault_storage.url(vault_storage.save("page.html", page))

    answer = client.get(url)
    assert (answer.status_code, b"".join(answer)) == (200, b"<script>alert(1)</script>")
    assert answer["Content-Disposition"] == 'attachment; filename="page.html"'
    assert answer["Content-Security-Policy"].startswith("sandbox")
    assert (answer["X-Content-Type-Options"], answer["Cache-Control"]) == ("nosniff", "private, no-store")
    assert client.get(url[:-1]).status_code == 404
    assert client.get(url.replace("/files/", "/files/x")).status_code == 404
    with time_machine.travel(timedelta(minutes=5, seconds=2)):
        assert client.get(url).status_code == 404


# Bytes. What a writer promises to hold: a part that fills and those in flight. A thread that has just sent one may not
# have let go of it yet; a buffer that grows is up to an eighth larger than what is in it.
PARTS_HELD = (multipart.DEFAULT_PART_SIZE * 9 // 8) * (1 + multipart._PARTS_IN_FLIGHT + 1)
# Beside them: the pieces that are sealed and hashed, the client's own, the buffer of the reader.
BESIDE = 8_000_000


def test_memory_is_flat_whatever_the_size(settings: Settings, provider: StorageProvider) -> None:
    settings.VAULT = replace(settings.VAULT, storage_file=StorageFile())
    parts = PARTS_HELD if isinstance(provider, Multipart) else 0

    assert peak_of(3 * PARTS_HELD, read=lambda file: sum(len(chunk) for chunk in file.chunks())) < parts + BESIDE


def test_a_file_that_is_held_whole_is_seen_by_that_measure(settings: Settings) -> None:
    settings.VAULT = replace(settings.VAULT, storage_file=StorageFile())
    size = 3 * PARTS_HELD

    assert peak_of(size, read=lambda file: len(file.read())) >= size > 2 * (PARTS_HELD + BESIDE)


def peak_of(size: int, *, read: Callable[[File], int]) -> int:  # type: ignore[type-arg]  # a generic in the stubs alone
    """The most bytes that were allocated at once while a file was stored and read again."""
    storage = VaultStorage()
    storage.save("f", Zeros(1_000_000))  # what every first request loads
    tracemalloc.start()
    try:
        with storage.open(storage.save("f", Zeros(size))) as file:
            assert read(file) == size
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Zeros(File):  # type: ignore[type-arg]  # a generic in the stubs alone
    """So many zeros, made as they are read."""

    def __init__(self, size: int) -> None:
        super().__init__(io.BytesIO(), "zeros")
        self.size = size

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        step = chunk_size or self.DEFAULT_CHUNK_SIZE
        for start in range(0, self.size, step):
            yield bytes(min(step, self.size - start))
