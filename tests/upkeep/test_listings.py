"""What is gone through by listings is done once, whoever comes back to it: in stretches, after a lease was lost."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf.storage_file import OwnConfig, StorageFile
from documents.filestorage import VaultStorage
from documents.models import UpkeepRun, UpkeepShare
from documents.services.actors import Actor
from documents.services.file_keys import rewrap_file
from documents.storage.base import ObjectInfo, StorageProvider
from documents.storage.capabilities import OrderedListing
from documents.storage.forwarding import undecorated
from documents.storage.keys import MAX_CHARACTERS
from documents.storage.memory import MemoryProvider
from documents.upkeep import listings, rewrap, shares, verify
from documents.upkeep.figures import figures_of
from documents.upkeep.listings import Listing
from documents.upkeep.rewrap import begin_rewrapping
from documents.upkeep.shares import Lease, LeaseLost, take_share
from documents.upkeep.verify import begin_verifying
from documents.upkeep.worker import work_on
from tests.upkeep.rotating import make_primary

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys")]
FILES = 7


class Backwards(MemoryProvider):
    """Lists in an order of its own, from the beginning alone. Of files it says how often; that ``takes`` seconds."""

    iter_locations_after = None  # type: ignore[assignment]  # not claimed
    takes, listed = 0.0, 0

    def iter_locations(self, prefix: str = "") -> Iterator[ObjectInfo]:
        if prefix == "files/":
            self.listed += 1
            time.sleep(self.takes)
        return reversed(list(MemoryProvider.iter_locations_after(self, prefix, "")))


@pytest.fixture
def backwards(settings: Settings) -> Iterator[Backwards]:
    """Where everything goes."""
    own = OwnConfig(f"{Backwards.__module__}.{Backwards.__qualname__}", options=())
    settings.VAULT = replace(
        settings.VAULT, storage_type="own", storage_file=StorageFile(stores=(("own", own),)), s3=None
    )
    wiring.reset()
    yield undecorated(wiring.storage_provider())  # type: ignore[misc]
    wiring.reset()


@pytest.fixture(params=["in order", "in an order of its own"])
def either(request: pytest.FixtureRequest) -> StorageProvider:
    name = "provider" if request.param == "in order" else "backwards"
    provider: StorageProvider = request.getfixturevalue(name)
    assert isinstance(provider, OrderedListing) == (name == "provider")
    return provider


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the files that were looked at so far."""
    keys: list[str] = []

    def noted(provider: StorageProvider, key: str, *others: object) -> bool:
        keys.append(key)
        return rewrap_file(provider, key, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(rewrap, "rewrap_file", noted)
    return keys


def one_batch_of(run: UpkeepRun) -> None:
    turns = ["the only one"]
    work_on(run.pk, keep=lambda: bool(turns and turns.pop()))


def in_stretches(run: UpkeepRun, *, at_most: int) -> None:
    """Work on it by a worker for each batch, until it is over."""
    for _number in range(at_most):
        one_batch_of(run)
        run.refresh_from_db()
        if run.state != "running":
            return
    raise AssertionError(f"It is not over after {at_most} stretches.")


def test_a_rotation_in_short_stretches_looks_at_each_file_once(
    either: StorageProvider, opened: list[str], new_primary: str, operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrap, "BATCH", 2)
    monkeypatch.setattr(listings, "CHOSEN", 3)
    for number in range(FILES):
        VaultStorage().save(f"{number}.pdf", ContentFile(b"a payslip"))
    make_primary(new_primary)
    run = begin_rewrapping(operator)

    in_stretches(run, at_most=20)

    assert sorted(opened) == sorted(info.key for info in either.iter_locations("files/"))
    figures = figures_of(run)
    assert (run.state, figures.total, figures.seen, figures.changed) == ("succeeded", FILES, FILES, FILES)
    assert len(list(either.iter_locations("keyblocks/"))) == FILES


def test_a_verification_in_short_stretches_comes_to_its_end_and_tells_every_orphan(
    either: StorageProvider, operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "LISTED", 2)
    monkeypatch.setattr(listings, "CHOSEN", 3)
    orphans = {f"documents/user_1/2026/01/01/{uuid4()}.vlt" for _number in range(FILES)}
    for key in orphans:
        either.put_bytes(key, b"x")
    run = begin_verifying(operator)

    in_stretches(run, at_most=30)

    assert run.state == "failed"
    assert {finding.storage_path for finding in run.findings.all()} == orphans


def test_a_place_in_a_listing_is_kept_whole(
    backwards: Backwards, opened: list[str], operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys as long as they may be, which differ at their end alone: nothing of them opens, each is told once."""
    monkeypatch.setattr(rewrap, "BATCH", 1)
    long = "files/" + "/".join(["ä" * 100] * 5)
    keys = [f"{long[: MAX_CHARACTERS - 1]}{number}" for number in range(3)]
    for key in keys:
        backwards.put_bytes(key, b"no envelope")
    run = begin_rewrapping(operator)

    in_stretches(run, at_most=20)

    assert opened == keys
    assert UpkeepShare.objects.get(run=run, scope__startswith="files:").position == keys[-1]
    assert run.findings.count() == len(keys)


def test_a_store_that_is_read_through_is_not_left_as_soon_as_that_is_done(
    backwards: Backwards, opened: list[str], new_primary: str, operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its listing takes longer than a worker has: it stays as long again, and does more than one batch."""
    monkeypatch.setattr(rewrap, "BATCH", 1)
    for number in range(FILES):
        VaultStorage().save(f"{number}.pdf", ContentFile(b"a payslip"))
    make_primary(new_primary)
    run = begin_rewrapping(operator)
    backwards.takes, backwards.listed = 1.0, 0

    until = time.monotonic() + 60
    while work_on(run.pk, longest=timedelta(seconds=0.1)):
        assert time.monotonic() < until

    run.refresh_from_db()
    assert run.state == "succeeded"
    assert len(opened) == FILES
    assert backwards.listed < FILES


def test_a_worker_does_not_stay_with_a_store_for_ever(
    backwards: Backwards, operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listing again takes its time too, and is no reason to stay for longer."""
    monkeypatch.setattr(rewrap, "BATCH", 1)
    monkeypatch.setattr(listings, "CHOSEN", 1)
    for number in range(2 * FILES):
        backwards.put_bytes(f"files/{number:02}", b"no envelope")
    run = begin_rewrapping(operator)
    UpkeepShare.objects.exclude(scope__startswith="files:").delete()
    backwards.takes, backwards.listed = 0.5, 0

    until = time.monotonic() + 60
    while not backwards.listed:  # the time may be over before a listing begins
        assert time.monotonic() < until
        assert work_on(run.pk, longest=timedelta(seconds=0.4))

    assert backwards.listed <= 3


def test_a_worker_that_lost_a_share_and_is_given_it_again_leaves_nothing_out(
    either: StorageProvider, opened: list[str], new_primary: str, operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrap, "BATCH", 2)
    for number in range(FILES):
        VaultStorage().save(f"{number}.pdf", ContentFile(b"a payslip"))
    make_primary(new_primary)
    run = begin_rewrapping(operator)
    note = Lease.note
    lost: list[Lease] = []

    def loses_the_first(lease: Lease, *findings: object, **changes: object) -> None:
        if not lost:
            lost.append(lease)
            raise LeaseLost
        note(lease, *findings, **changes)  # type: ignore[arg-type]

    monkeypatch.setattr(Lease, "note", loses_the_first)

    work_on(run.pk)

    run.refresh_from_db()
    assert len(lost) == 1
    assert (run.state, run.total, figures_of(run).seen) == ("succeeded", FILES, FILES)
    assert len(opened) == FILES + 2


def test_a_share_is_kept_while_a_listing_is_read_through(
    backwards: Backwards, operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "RENEWED", 0.0)
    for number in range(3):
        backwards.put_bytes(f"files/{number}", b"x")
    run = begin_rewrapping(operator)
    UpkeepShare.objects.exclude(scope__startswith="files:").delete()
    lease = take_share(run)
    assert lease
    UpkeepShare.objects.update(lease_until=None)

    assert Listing().following(lease, backwards, "files/", limit=1) == ["files/0"]

    assert UpkeepShare.objects.get().lease_until is not None
    UpkeepShare.objects.update(lease=uuid4())
    with pytest.raises(LeaseLost):
        Listing().following(lease, backwards, "files/", limit=1)
