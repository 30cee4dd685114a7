"""``migrate_documents_to_storage``: what it moves, reports, asks and refuses, and its exit status."""

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from documents.models import Attachment
from documents.models.clock import database_now
from documents.storage.base import StorageProvider
from migrations_tools import control
from migrations_tools.management import watching
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.plan import complete_plan
from migrations_tools.runner import work_on
from migrations_tools.states import RunKind, RunState
from tests.conftest import Store
from tests.migrations_tools.commanding import migrate
from tests.migrations_tools.moving import OPERATOR, Stores, is_whole, outcomes, run_to


@pytest.fixture
def three(stores: Stores, store: Store) -> list[Attachment]:
    return [store(f"document {number}".encode()).current_attachment() for number in range(3)]


def test_it_moves_everything_and_tells_it_on_stdout_and_how_far_it_is_on_stderr(
    stores: Stores, three: list[Attachment]
) -> None:
    answer = migrate(stores.there)

    assert answer.status == 0
    assert all(is_whole(row) for row in three)
    assert {row.storage_type for row in three} == {stores.there}
    assert re.search(r"Total: +3\b", answer.out), answer.out
    assert "bytes/s" not in answer.out
    assert re.search(r"3 of 3 items, .* bytes/s, 0 failed", answer.err), answer.err
    assert "Total" not in answer.err


CHECKS: dict[str, Callable[[str], object]] = {
    "text": lambda told: re.search(r"Total: +3\b", told),
    "json": lambda told: json.loads(told)["items"]["successful"] == 3,
    "csv": lambda told: len(list(csv.reader(io.StringIO(told)))) >= 4,
    "html": lambda told: told.startswith("<!doctype html>") and told.rstrip().endswith("</html>"),
}


@pytest.mark.parametrize("form", CHECKS)
def test_the_report_has_the_form_that_is_wished_for(
    stores: Stores, three: list[Attachment], form: str, tmp_path: Path
) -> None:
    told = migrate(stores.there, "--inline", "--format", form).out
    assert CHECKS[form](told), told

    path = tmp_path / "report"
    number = str(MigrationRun.objects.get().pk)
    again = migrate("--resume", number, "--format", form, "--output", str(path))
    assert (again.status, again.out) == (0, "")
    assert CHECKS[form](path.read_text())


def test_a_report_that_cannot_be_written_is_told_before_anything_begins(
    stores: Stores, three: list[Attachment], tmp_path: Path
) -> None:
    for path in (tmp_path, tmp_path / "not there" / "report"):
        answer = migrate(stores.there, "--output", str(path))
        assert (answer.status, "cannot be written" in answer.said) == (2, True)

    assert not MigrationRun.objects.exists()


def test_what_fails_is_told_and_tried_again(stores: Stores, three: list[Attachment], there: StorageProvider) -> None:
    there.put_bytes(three[1].storage_path, b"in the way")

    answer = migrate(stores.there)

    run = MigrationRun.objects.get()
    assert (answer.status, f"--retry-failed {run.pk}" in answer.said) == (1, True)
    assert str(three[1].pk) in answer.out
    assert "destination-taken" in answer.out or "another object with this key" in answer.out
    there.delete(three[1].storage_path)
    again = migrate("--retry-failed", str(run.pk))
    assert (again.status, outcomes(run)) == (0, {"done": 3})
    assert "1 failed items are tried again" in again.err
    late = migrate("--retry-failed", str(run.pk))
    assert (late.status, late.said) == (2, f"Run {run.pk} is succeeded: it cannot be retried now.")


def test_a_verification_ends_with_1_where_anything_differs(
    stores: Stores, three: list[Attachment], there: StorageProvider
) -> None:
    migrate(stores.there)
    assert migrate(stores.there, "--verify").status == 0
    there.delete(three[0].storage_path)
    there.put_bytes(three[0].storage_path, b"damaged")

    answer = migrate(stores.there, "--verify")

    assert answer.status == 1
    assert str(three[0].pk) in answer.out
    assert str(three[1].pk) not in answer.out
    assert there.get(three[0].storage_path) == b"damaged"


def test_what_another_run_has_is_refused_with_its_number(stores: Stores, three: list[Attachment]) -> None:
    holder = control.create(MigrationRun(destination=stores.there), OPERATOR)
    complete_plan(holder)

    answer = migrate(stores.there)

    assert (answer.status, answer.out) == (2, "")
    assert f"Run {holder.pk} has rows of this one" in answer.said
    refused = MigrationRun.objects.exclude(pk=holder.pk).get()
    assert (refused.state, refused.note, outcomes(refused)) == (RunState.FAILED, answer.said, {})
    assert MigrationItem.objects.filter(holds_row=True).count() == 3


def test_a_run_goes_on_by_its_number_or_the_newest_that_is_not_over(stores: Stores, three: list[Attachment]) -> None:
    assert migrate("--resume").said == "There is no run that could go on."
    assert (migrate("--resume", "7").status, migrate("--resume", "7").said) == (2, "There is no run 7.")
    runs = [control.create(MigrationRun(destination=stores.there, max_items=1), OPERATOR) for _ in range(2)]
    control.interrupt(runs[0])
    complete_plan(runs[1])
    control.begin(runs[1])
    control.pause(runs[1], OPERATOR)

    newest = migrate("--resume", "--inline")
    earlier = migrate("--resume", str(runs[0].pk))

    assert (newest.status, earlier.status) == (0, 0)
    assert [MigrationRun.objects.get(pk=run.pk).state for run in runs] == [RunState.SUCCEEDED] * 2
    assert Attachment.objects.filter(storage_type=stores.there).count() == 2


def test_a_run_that_was_cancelled_is_reported_and_not_offered_again(stores: Stores, three: list[Attachment]) -> None:
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    complete_plan(run)
    control.cancel(run, OPERATOR)

    answer = migrate("--resume", str(run.pk))

    assert (answer.status, answer.said) == (1, f"Run {run.pk} is cancelled: what was moved stays moved.")
    assert {row.storage_type for row in three} == {stores.here}


def test_it_looks_now_and_then_whether_another_has_let_go_of_the_last_item(
    stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store()
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    control.begin(run)
    complete_plan(run)
    run.items.update(lease=uuid4(), lease_until=database_now() + timedelta(seconds=1))
    control.cancel(run, OPERATOR)
    looks: list[int] = []

    def counted(run_id: int, **how: Any) -> bool:
        looks.append(run_id)
        return work_on(run_id, **how)

    monkeypatch.setattr(watching, "work_on", counted)

    answer = migrate("--resume", str(run.pk), "--inline")

    assert (answer.status, outcomes(run)) == (1, {"skipped:cancelled": 1})
    assert 1 <= len(looks) <= 5


@pytest.fixture
def moved(stores: Stores, three: list[Attachment]) -> list[Attachment]:
    run_to(stores.there)
    return three


@pytest.mark.parametrize("answered", ["", "yes\n", "PURGE\n", "purge it\n"])
def test_without_the_right_word_nothing_is_purged(
    stores: Stores,
    moved: list[Attachment],
    here: StorageProvider,
    monkeypatch: pytest.MonkeyPatch,
    answered: str,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answered))

    answer = migrate(stores.there, "--purge-source")

    assert (answer.status, answer.said, answer.out) == (2, "Not confirmed; nothing was changed.", "")
    assert "3 objects (" in answer.err
    assert all(here.exists(row.storage_path) for row in moved)
    assert not MigrationRun.objects.filter(kind=RunKind.PURGE).exists()


@pytest.mark.parametrize("confirmed", [(), ("--no-input",)])
def test_a_purge_that_is_confirmed_deletes_the_sources(
    stores: Stores,
    moved: list[Attachment],
    here: StorageProvider,
    monkeypatch: pytest.MonkeyPatch,
    confirmed: tuple[str, ...],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("" if confirmed else "purge\n"))

    assert migrate(stores.there, "--purge-source", *confirmed).status == 0

    assert not any(here.exists(row.storage_path) for row in moved)
    assert all(is_whole(row) for row in moved)
