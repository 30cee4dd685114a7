"""A destination that lies, is full or is down: found out, told, and nothing is kept."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf.storage_file import OwnConfig, StorageFile
from documents.errors import StorageFull, StorageUnavailable
from documents.models import AdoptedSource, Attachment
from documents.services.adopting import sealing
from documents.storage.base import ObjectWriter
from documents.storage.memory import MemoryProvider
from tests.adopting.lying import Lying
from tests.adopting.older import adopt, counts_of, lay_envelope, older_key_of

pytestmark = pytest.mark.django_db


class Full(MemoryProvider):
    def open_writer(self, key: str) -> ObjectWriter:
        raise StorageFull("The disk is full", provider=self.name, key=key)


class Down(MemoryProvider):
    def open_writer(self, key: str) -> ObjectWriter:
        raise StorageUnavailable("It does not answer", provider=self.name, key=key)


@pytest.fixture
def store_in(settings: Settings) -> Callable[[type[MemoryProvider]], MemoryProvider]:
    """Have new documents go to a store of this class."""

    def use(kind: type[MemoryProvider]) -> MemoryProvider:
        own = OwnConfig(f"{kind.__module__}.{kind.__qualname__}", options=())
        settings.VAULT = replace(
            settings.VAULT, storage_type="own", storage_file=StorageFile(stores=(("own", own),)), s3=None
        )
        wiring.reset()
        return wiring.storage_provider()  # type: ignore[return-value]

    return use


def test_a_store_that_keeps_other_bytes_is_found_out(
    older: Path, store_in: Callable[[type[MemoryProvider]], MemoryProvider]
) -> None:
    store = store_in(Lying)

    answer = adopt(older)

    assert answer.told["causes"] == {"integrity-mismatch": 1}
    assert list(store.iter_locations()) == []
    assert not AdoptedSource.objects.exists()


def test_without_reading_back_it_would_not_be(
    older: Path,
    store_in: Callable[[type[MemoryProvider]], MemoryProvider],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store_in(Lying)
    monkeypatch.setattr(sealing.Sealing, "_read_back", lambda self: self._hash.checksum().removeprefix("sha256:"))

    assert counts_of(adopt(older)) == {"adopted": 1}


@pytest.mark.parametrize("kind", [Full, Down])
def test_a_store_that_is_full_or_down_ends_the_run_with_a_report(
    older: Path, alice: User, store_in: Callable[[type[MemoryProvider]], MemoryProvider], kind: type[MemoryProvider]
) -> None:
    store_in(kind)
    for number in range(10):
        lay_envelope(older, older_key_of(alice, f"{number}_a.txt_txt.json"))

    answer = adopt(older)

    assert (answer.status, answer.told["total"]) == (1, 5)
    assert answer.said.startswith("Stopped, for the rest would fail alike")
    assert not Attachment.objects.exists()
