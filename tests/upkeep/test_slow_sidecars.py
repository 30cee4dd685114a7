"""Sidecars on a slow store: whoever puts them has the share all the while, and who comes after a death gets further."""

import time
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from django.db.models import F

from documents.models import Attachment, UpkeepRun, UpkeepShare
from documents.services import patience, rewrapping, sidecars
from documents.services.actors import Actor
from documents.storage.base import StorageProvider
from documents.upkeep import rewrap, rewrap_rows, shares
from documents.upkeep.rewrap import begin_rewrapping
from documents.upkeep.shares import LEASE, Lease, free_shares
from tests.conftest import Store
from tests.upkeep.rotating import dies_at, done, make_primary, sidecars_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys")]
ROWS = 4
# Two of these are longer than a lease.
LONG = timedelta(seconds=90)


@pytest.fixture
def run(store: Store, new_primary: str, operator: Actor) -> UpkeepRun:
    """A rotation of a few documents, whose other shares are out of the way."""
    for number in range(ROWS):
        store(b"%d" % number)
    make_primary(new_primary)
    run = begin_rewrapping(operator)
    UpkeepShare.objects.exclude(scope="attachment").delete()
    return run


def before_each(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, first: Callable[[], None]) -> None:
    real = getattr(module, name)

    def does(*arguments: Any, **options: Any) -> Any:
        first()
        return real(*arguments, **options)

    monkeypatch.setattr(module, name, does)


def time_passes() -> None:
    """As long as a slow answer takes; nobody else may have the share after it."""
    UpkeepShare.objects.update(lease_until=F("lease_until") - LONG)
    assert not free_shares(UpkeepRun.objects.get()).exists()


def every_row_is_done(run: UpkeepRun) -> None:
    assert run.state == "succeeded"
    assert UpkeepShare.objects.get().in_flight == []
    for attachment in Attachment.objects.all():
        assert sidecars_of(attachment)[0] == bytes(attachment.key_block)


def test_a_share_is_kept_while_the_blocks_of_a_batch_are_put(run: UpkeepRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "RENEWED", 0.0)
    assert ROWS * LONG > LEASE
    before_each(monkeypatch, rewrap_rows, "keep_sidecar", time_passes)

    every_row_is_done(done(run))


def test_a_share_is_kept_while_threads_put_them(run: UpkeepRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is waited for, so that the first block is put by itself, and the others by threads."""
    monkeypatch.setattr(rewrap_rows, "PROBED", 1)
    monkeypatch.setattr(patience, "RENEWED", 0.01)
    puts: list[str] = []
    signs: list[int] = []
    write = Lease.write

    def slow(*arguments: Any) -> bool:
        time.sleep(0.2)
        put = sidecars.keep_sidecar(*arguments)
        puts.append("one")
        return put

    def noted(lease: Lease, **changes: object) -> None:
        signs.append(len(puts))
        write(lease, **changes)

    monkeypatch.setattr(rewrap_rows, "keep_sidecar", slow)
    monkeypatch.setattr(Lease, "write", noted)

    every_row_is_done(done(run))

    assert any(0 < number < len(puts) for number in signs)


def test_a_share_is_kept_while_what_a_dead_worker_left_is_put(run: UpkeepRun, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        dies_at(patched, "rewrap.rows-written", module=rewrap)
        with pytest.raises(KeyboardInterrupt):
            done(run)
    monkeypatch.setattr(shares, "RENEWED", 0.0)
    left: list[int] = []

    def slowly() -> None:
        left.append(len(UpkeepShare.objects.get().in_flight))
        time_passes()

    before_each(monkeypatch, rewrapping, "keep_sidecar", slowly)

    every_row_is_done(done(run))

    assert left == [4, 3, 2, 1]


def test_a_worker_that_dies_again_and_again_over_what_one_left_comes_to_its_end(
    run: UpkeepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        dies_at(patched, "rewrap.rows-written", module=rewrap)
        with pytest.raises(KeyboardInterrupt):
            done(run)
    monkeypatch.setattr(shares, "RENEWED", 0.0)
    for _death in range(ROWS - 1):
        turns = ["the only one"]
        with monkeypatch.context() as patched:

            def dies_at_the_second(turns: list[str] = turns) -> None:
                if not turns:
                    raise KeyboardInterrupt
                turns.pop()

            before_each(patched, rewrapping, "keep_sidecar", dies_at_the_second)
            with pytest.raises(KeyboardInterrupt):
                done(run)

    puts: list[str] = []
    before_each(monkeypatch, rewrapping, "keep_sidecar", lambda: puts.append("one"))
    every_row_is_done(done(run))
    assert len(puts) == 1


def test_a_share_is_kept_while_rows_are_rewrapped_past_what_is_beside(
    run: UpkeepRun, provider: StorageProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for attachment in Attachment.objects.all():
        provider.put_bytes(f"keyblocks/{attachment.pk}.1", b"garbage")
    monkeypatch.setattr(shares, "RENEWED", 0.0)
    before_each(monkeypatch, rewrap_rows, "rewrap_past_others", time_passes)

    assert done(run).state == "succeeded"
