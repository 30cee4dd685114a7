"""Any provider as a source of the recovery script."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from documents.encryption.vectors.keys import pem_of
from documents.errors import StorageUnavailable
from documents.recovery import recover
from documents.services.recovery_source import ProviderSource
from documents.storage.base import ObjectInfo, ObjectReader
from documents.storage.memory import MemoryProvider
from tests.recovery.damage import damaged
from tests.recovery.objects import Shelf, check_recovered, manifest_of, outcomes

KEYS = recover.ring_of([recover.load_kek(pem_of("recovery"), "recovery", (), lambda _name: None)])


def test_a_provider_gives_what_a_directory_gives(shelf: Shelf, out: Path, tmp_path: Path) -> None:
    """Every kind of damage, an unfinished upload, something foreign: the same outcome for each object."""
    sound = [shelf.put(bytes(number * 3_000), filename=f"{number}.txt") for number in range(4)]
    damaged(shelf)
    shelf.write("notes.txt", b"mine")
    provider = MemoryProvider()
    for path in shelf.root.rglob("*"):
        if path.is_file():
            provider.put_bytes(path.relative_to(shelf.root).as_posix(), path.read_bytes())
    provider.create_multipart("begun.vlt")

    directory = recover.Options(recover.Directory(shelf.root), KEYS, tmp_path / "from directory")
    assert recover.run(directory, "text", lambda _line: None) == 1
    assert recover.run(recover.Options(ProviderSource(provider), KEYS, out), "text", lambda _line: None) == 1

    found = outcomes(out)
    assert found.pop("begun.vlt (unfinished upload)") == ("told", None)
    assert found == outcomes(tmp_path / "from directory")
    check_recovered(shelf, out, sound)
    assert manifest_of(out)["begun.vlt (unfinished upload)"]["kind"] == "unfinished"


def test_an_object_that_went_away_is_missing() -> None:
    with pytest.raises(recover.Missing):
        ProviderSource(MemoryProvider()).open("documents/gone.vlt")


class Down(MemoryProvider):
    """A store that does not answer any more."""

    def iter_locations(self, prefix: str = "") -> Iterator[ObjectInfo]:  # noqa: ARG002  # the contract's
        raise StorageUnavailable("It does not answer", provider=self.name)

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:  # noqa: ARG002
        raise StorageUnavailable("It does not answer", provider=self.name, key=key)


def test_a_store_that_does_not_answer_stops_the_run() -> None:
    source = ProviderSource(Down())
    with pytest.raises(recover.Stopped, match="It does not answer"):
        list(source.list())
    with pytest.raises(recover.Unreadable, match="It does not answer"):
        source.open("documents/x.vlt")
