"""Many threads, and several runs at once: each original becomes one document."""

import tracemalloc
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from documents.failpoints import FailpointReached
from documents.models import AdoptedSource, Attachment, AuditEvent, Document, StagedAttachment
from documents.services.adopting.outcomes import Status
from documents.services.adopting.owners import Owners
from documents.services.adopting.places import place_of
from documents.services.adopting.sources import Source
from documents.services.adopting.working import Wish, adopt_all
from documents.services.staging import sweep_uploads
from documents.storage.base import ObjectReader, StorageProvider
from tests.adopting.older import READER, adopt, content_of, counts_of, lay_envelope, older_key_of, put_envelope
from tests.parallel import in_parallel


def lay_some(root: Path, owner: User, count: int) -> set[bytes]:
    for number in range(count):
        lay_envelope(root, older_key_of(owner, f"{number}_paper.txt_txt.json"), b"paper %d" % number)
    return {b"paper %d" % number for number in range(count)}


def contents() -> list[bytes]:
    return [content_of(one) for one in Attachment.objects.all()]


@pytest.mark.django_db(transaction=True)
def test_several_threads_adopt_each_once(tmp_path: Path, alice: User) -> None:
    wanted = lay_some(tmp_path / "older", alice, 30)

    answer = adopt(tmp_path / "older", "--workers", 4, "--batch-size", 7)

    assert (answer.status, counts_of(answer)) == (0, {"adopted": 30})
    assert (set(contents()), Document.objects.count()) == (wanted, 30)


@pytest.mark.django_db(transaction=True)
def test_runs_at_once_adopt_each_once(tmp_path: Path, alice: User, provider: StorageProvider) -> None:
    wanted = lay_some(tmp_path / "older", alice, 6)

    answers = in_parallel(lambda: adopt(tmp_path / "older"), times=4)

    assert [answer.status for answer in answers] == [0] * 4
    assert sum(counts_of(answer).get("adopted", 0) for answer in answers) == 6
    assert sorted(contents()) == sorted(wanted)
    assert AuditEvent.objects.filter(action="document.adopted").count() == 6
    StagedAttachment.objects.update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    sweep_uploads()
    assert len(list(provider.iter_locations("documents/"))) == 6, "what a slower run had stored is cleared up"


@pytest.mark.django_db(transaction=True)
def test_runs_at_once_register_and_seal_anew_each_once(alice: User, provider: StorageProvider) -> None:
    for number in range(4):
        put_envelope(provider, older_key_of(alice, f"{number}_paper.txt_txt.json"), b"paper %d" % number)

    registered = in_parallel(lambda: adopt(provider.name, "--in-place"), times=4)
    assert sum(counts_of(answer).get("registered", 0) for answer in registered) == 4
    resealed = in_parallel(lambda: adopt("--reseal"), times=4)

    assert sum(counts_of(answer).get("resealed", 0) for answer in resealed) == 4
    assert sorted(contents()) == [b"paper %d" % number for number in range(4)]
    assert not Attachment.objects.filter(envelope_core=b"").exists()


FAILPOINTS = (
    *("upload.intent-committed", "upload.header-written", "upload.body-sealed", "upload.object-stored"),
    *("upload.object-confirmed", "adopt.verified", "adopt.in-transaction", "adopt.committed"),
)


@pytest.mark.parametrize("name", [*FAILPOINTS, "adopt.registering", "adopt.registered"])
def test_an_error_on_any_line_leaves_nothing_twice(
    older: Path, provider: StorageProvider, monkeypatch: pytest.MonkeyPatch, alice: User, name: str
) -> None:
    """An exception, with its clean-up, in place of a death; the crash tests kill."""
    place: tuple[object, ...] = (older,)
    if "regist" in name:
        put_envelope(provider, older_key_of(alice))
        place = (provider.name, "--in-place")
    monkeypatch.setenv("VAULT_FAILPOINT", f"{name}:raise")
    with suppress(FailpointReached):
        adopt(*place)
    monkeypatch.delenv("VAULT_FAILPOINT")

    answer = adopt(*place)

    assert answer.status == 0
    assert (Document.objects.count(), AdoptedSource.objects.count(), len(contents())) == (1, 1, 1)
    StagedAttachment.objects.update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    sweep_uploads()
    assert len(list(provider.iter_locations("documents/"))) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("workers", [1, 3])
def test_who_stops_a_run_stops_it_at_the_next_piece(tmp_path: Path, alice: User, workers: int) -> None:
    wanted = lay_some(tmp_path / "older", alice, 12)
    place = place_of(str(tmp_path / "older"), credentials_of="s3")

    def interrupt() -> None:
        with closing(adopt_all(place, Wish(Owners(), READER, workers=workers, batch_size=4))) as run:
            next(run)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    stopped_at = Document.objects.count()

    assert 1 <= stopped_at <= 4
    assert counts_of(adopt(tmp_path / "older")) == {"adopted": 12 - stopped_at, "already-adopted": stopped_at}
    assert sorted(contents()) == sorted(wanted)


class ManyFiles:
    """A place of so many files that are left out."""

    store = ""

    def __init__(self, count: int) -> None:
        self.count = count

    def sources(self) -> Iterator[Source]:
        for number in range(self.count):
            yield Source(f"{number}.bin", "file", f"/many/{number}.bin", 1, datetime(2024, 1, 1, tzinfo=UTC))

    def open(self, source: Source) -> ObjectReader:
        raise AssertionError(source)


@pytest.mark.django_db
def test_memory_is_flat_however_many_files_there_are() -> None:
    def peak_of(count: int) -> int:
        tracemalloc.start()
        try:
            for outcome in adopt_all(ManyFiles(count), Wish(Owners(), READER, batch_size=100)):
                assert outcome.status is Status.LEFT_OUT
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak_of(100)

    assert peak_of(5_000) < peak_of(500) + 300_000
