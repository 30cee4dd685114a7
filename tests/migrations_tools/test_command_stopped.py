"""The command is asked to stop: wherever it is, it ends with one line and status 130, and what was begun can go on."""

import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from documents.management.stopping import told_politely
from documents.models.clock import database_now
from migrations_tools import control
from migrations_tools.management import watching
from migrations_tools.models import MigrationRun
from migrations_tools.plan import complete_plan
from migrations_tools.states import RunKind, RunState
from tests.conftest import Store
from tests.migrations_tools.commanding import MIGRATE, migrate
from tests.migrations_tools.moving import OPERATOR, Stores, There, run_to

NOTHING = "Interrupted. Nothing was changed."


class Keyboard:
    """Where somebody presses Ctrl-C as soon as anything is asked."""

    def readline(self) -> str:
        signal.raise_signal(signal.SIGINT)
        return ""


class Screen(io.StringIO):
    """Where somebody presses Ctrl-C as soon as anything is told."""

    def write(self, _text: str, /) -> int:
        signal.raise_signal(signal.SIGINT)
        return 0


@contextmanager
def handled_by(number: int, handler: Callable[..., object] | signal.Handlers) -> Iterator[None]:
    earlier = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, earlier)


def test_at_a_question(stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store()
    run_to(stores.there)
    monkeypatch.setattr(sys, "stdin", Keyboard())

    answer = migrate(stores.there, "--purge-source")

    assert (answer.status, answer.said, answer.out) == (130, NOTHING, "")
    assert not MigrationRun.objects.filter(kind=RunKind.PURGE).exists()


def test_while_the_destination_is_tried(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(There, "put_bytes", lambda *_object: signal.raise_signal(signal.SIGINT))

    answer = migrate(stores.there, "--dry-run")

    assert (answer.status, answer.said) == (130, NOTHING)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_by_a_polite_signal_before_there_is_a_run(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(There, "exists", lambda *_object: signal.raise_signal(number))

    answer = migrate(stores.there)

    assert (answer.status, answer.said) == (130, NOTHING)
    assert not MigrationRun.objects.exists()


def test_while_the_report_is_written(stores: Stores, store: Store) -> None:
    store()

    with pytest.raises(CommandError) as stopped:
        call_command(MIGRATE, stores.there, "--inline", stdout=Screen(), stderr=io.StringIO())

    run = MigrationRun.objects.get()
    assert stopped.value.returncode == 130
    assert str(stopped.value) == (
        f"Interrupted. Run {run.pk} is succeeded; its report: manage.py {MIGRATE} --resume {run.pk}"
    )
    assert migrate("--resume", str(run.pk)).status == 0


def test_a_report_that_was_not_finished_leaves_no_file(
    stores: Stores, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store()
    monkeypatch.setattr(Path, "replace", lambda *_paths: signal.raise_signal(signal.SIGINT))

    answer = migrate(stores.there, "--inline", "--output", str(tmp_path / "report"))

    assert answer.status == 130
    assert list(tmp_path.glob("*report*")) == []


@pytest.fixture
def held(stores: Stores, store: Store) -> MigrationRun:
    """A run whose one item another worker has for minutes."""
    store()
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    control.begin(run)
    complete_plan(run)
    run.items.update(lease=uuid4(), lease_until=database_now() + timedelta(minutes=5))
    return run


@pytest.mark.parametrize("broker", ["memory://"], indirect=True)
@pytest.mark.parametrize("times", [1, 2])
def test_while_it_waits_for_workers_and_once_more_while_it_waits_for_their_end(
    held: MigrationRun, broker: None, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(watching, "LONGEST_STOP", 0.5)
    sleep, sleeps = time.sleep, list[float]()

    def slept(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) <= times:
            signal.raise_signal(signal.SIGINT)
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", slept)

    answer = migrate("--resume", str(held.pk))

    assert answer.status == 130
    assert answer.said == (
        f"Run {held.pk} is interrupted: stopped by whoever watched it. "
        f"Go on with: manage.py {MIGRATE} --resume {held.pk}"
    )
    held.refresh_from_db()
    assert held.state == RunState.INTERRUPTED
    # Once: it sleeps on until the time is over. Twice: not again.
    assert len(sleeps) > 2 if times == 1 else len(sleeps) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_the_process_was_begun_to_ignore_stays_ignored(number: signal.Signals) -> None:
    with handled_by(number, signal.SIG_IGN):
        with told_politely():
            os.kill(os.getpid(), number)
        assert signal.getsignal(number) is signal.SIG_IGN


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_is_not_ignored_is_heard_and_handled_as_before_afterwards(number: signal.Signals) -> None:
    heard: list[int] = []

    def hear(number: int, _frame: object) -> None:
        heard.append(number)

    with handled_by(number, hear):
        with pytest.raises(KeyboardInterrupt), told_politely():
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)

    assert heard == [number]
