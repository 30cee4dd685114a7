"""Runs in the admin: their list, their page, and what operators do to them."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from kombu.exceptions import OperationalError

from documents.models import Attachment, AuditEvent, Document
from documents.storage.base import StorageProvider
from migrations_tools import control, tasks
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.runner import work_on
from migrations_tools.states import ItemState, RunState
from tests.migrations_tools.moving import OPERATOR, Stores, outcomes, run_to
from tests.migrations_tools.operating import RUNS, press, text_of
from tests.migrations_tools.reporting import run_of_rows

Browse = Callable[[User | None], Client]
Store = Callable[..., Document]


def page_of(run: MigrationRun) -> str:
    return f"{RUNS}{run.pk}/change/"


def begun(destination: str) -> MigrationRun:
    """A run that is RUNNING, and at which nobody is at work."""
    run = control.create(MigrationRun(destination=destination), OPERATOR)
    control.begin(run)
    return run


def test_the_list_shows_every_run_with_its_counts(
    stores: Stores, store: Store, sam: User, viewer: User, client_of: Browse
) -> None:
    for number in range(3):
        store(f"{number}".encode())
    control.create(MigrationRun(destination=stores.there, max_items=2), OPERATOR)
    run_to(stores.here)
    run = MigrationRun.objects.order_by("pk")[0]
    MigrationRun.objects.filter(pk=run.pk).update(created_by=sam)
    work_on(run.pk)

    page = client_of(viewer).get(RUNS).content

    newest, oldest = re.findall(rb"<tr>.*?</tr>", page.partition(b"<tbody>")[2], re.DOTALL)
    assert f"copy {stores.there} succeeded 2 of 2 2 0 0 sam" in text_of(oldest)
    assert f"copy {stores.here} succeeded 0 of 0 0 0 0 command" in text_of(newest)


def test_the_list_counts_the_items_of_all_runs_by_one_query(
    sam: User, client_of: Browse, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for _ in range(5):
        run_of_rows(3)
    browser = client_of(sam)
    browser.get(RUNS)

    with django_assert_max_num_queries(12) as seen:  # type: ignore[attr-defined]
        browser.get(RUNS)

    counting = [query["sql"] for query in seen.captured_queries if "migrationitem" in query["sql"]]
    assert len(counting) == 1


def test_the_page_of_a_run_tells_how_far_it_is(stores: Stores, store: Store, viewer: User, client_of: Browse) -> None:
    for number in range(4):
        store(f"{number}".encode())
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    browser = client_of(viewer)
    waiting = browser.get(page_of(run)).content.decode()
    assert "waits for a worker" in waiting
    assert f'hx-get="{RUNS}{run.pk}/progress/"' in waiting

    work_on(run.pk)

    page = browser.get(page_of(run)).content.decode()
    assert '<progress max="100" value="100"' in page
    assert "Succeeded" in page
    assert "Items 4 of 4 Successful 4 Failed 0 Skipped 0" in text_of(page.encode())
    assert "hx-get" not in page, "what stands still is not asked again"
    fragment = browser.get(f"{RUNS}{run.pk}/progress/").content.decode()
    assert fragment.startswith('<div id="progress">')
    assert fragment.strip() in re.sub(r"csrfmiddlewaretoken.*?>", "", page)


def test_failures_are_told_by_cause_and_one_by_one(sam: User, client_of: Browse) -> None:
    run = run_of_rows(60, each=lambda number: {"code": "copy-damaged", "detail": "<b>x"} if number < 2 else {})

    page = client_of(sam).get(page_of(run)).content

    told = text_of(page)
    assert "object-not-found : The object is not in the store that its row names. Look for it in your backups" in told
    assert re.search("copy-damaged : What the destination gave back is not what was sealed.* 2 Failed items", told)
    assert told.index("object-not-found") < told.index("copy-damaged")
    assert "Failed items, the first 50" in told
    assert page.count(b"documents/system/2026/01/01/") == 50
    assert b"<b>x" not in page


def test_a_run_is_paused_resumed_and_cancelled(
    stores: Stores, store: Store, operator: User, client_of: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(b"one")
    run, browser = begun(stores.there), client_of(operator)

    assert "Paused" in press(browser, f"{RUNS}{run.pk}/pause/")
    run.refresh_from_db()
    assert run.state == RunState.PAUSED

    sent: list[int] = []
    monkeypatch.setattr(tasks.work_on_run, "delay", lambda run_id, *_place: sent.append(run_id))
    assert "The run goes on where it was." in press(browser, f"{RUNS}{run.pk}/resume/")
    assert sent == [run.pk] * run.workers

    assert f"Cancel run {run.pk}?" in text_of(browser.get(f"{RUNS}{run.pk}/cancel/").content)
    run.refresh_from_db()
    assert run.state == RunState.QUEUED, "the question changes nothing"
    assert "Cancelled" in press(browser, f"{RUNS}{run.pk}/cancel/")
    run.refresh_from_db()
    assert (run.state, Attachment.objects.get().storage_type) == (RunState.CANCELLED, stores.here)
    events = AuditEvent.objects.filter(action__startswith="migration.", actor=operator).order_by("pk")
    assert [event.action for event in events] == ["migration.pausing", "migration.resumed", "migration.cancelling"]
    assert {(event.via, event.ip, event.detail["run"]) for event in events} == {("admin", "127.0.0.1", run.pk)}


def test_failed_items_are_tried_again(
    stores: Stores, store: Store, here: StorageProvider, operator: User, client_of: Browse
) -> None:
    attachment = store(b"one").attachments.get()
    sealed = here.get(attachment.storage_path)
    here.delete(attachment.storage_path)
    run = run_to(stores.there)
    assert outcomes(run) == {"failed:object-not-found": 1}
    here.put_bytes(attachment.storage_path, sealed)

    assert "What failed or was left is tried again." in press(client_of(operator), f"{RUNS}{run.pk}/retry/")

    run.refresh_from_db()
    assert (run.state, outcomes(run)) == (RunState.SUCCEEDED, {"done": 1})
    assert AuditEvent.objects.get(action="migration.retried").actor == operator


def test_only_what_is_possible_is_offered(stores: Stores, operator: User, viewer: User, client_of: Browse) -> None:
    run, browser = begun(stores.there), client_of(operator)
    # Somebody is at work on an item, so that pausing takes its time.
    now = {"lease": "00000000-0000-4000-8000-000000000000", "lease_until": run.created_at + timedelta(hours=1)}
    other = run_of_rows(1, state=ItemState.PENDING, each=lambda _number: {**now, "finished_at": None})
    MigrationItem.objects.filter(run=other).update(run=run)

    def offered(of: Client = browser) -> list[str]:
        return re.findall(r' id="(pause|resume|retry|cancel|remove)"', of.get(page_of(run)).content.decode())

    assert offered() == ["pause", "cancel"]
    assert offered(client_of(viewer)) == []
    control.pause(run, OPERATOR)
    assert (run.state, offered()) == (RunState.PAUSING, ["resume", "cancel"])
    MigrationItem.objects.filter(run=run).update(lease=None, lease_until=None)
    control.settle(run)
    assert (run.state, offered()) == (RunState.PAUSED, ["resume", "cancel"])
    control.resume(run, OPERATOR)
    assert (run.state, offered()) == (RunState.QUEUED, ["cancel"])
    MigrationRun.objects.filter(pk=run.pk).update(state=RunState.FAILED)
    assert offered() == ["retry", "remove"]
    MigrationItem.objects.filter(run=run).update(state=ItemState.FAILED)
    assert offered() == ["retry", "remove"]
    MigrationItem.objects.filter(run=run).update(state=ItemState.SKIPPED)
    MigrationRun.objects.filter(pk=run.pk).update(planned_at=run.created_at)
    assert offered() == ["remove"]
    MigrationRun.objects.filter(pk=run.pk).update(state=RunState.SUCCEEDED)
    assert offered() == ["remove"]
    assert offered(client_of(viewer)) == []


def test_what_is_not_possible_is_refused_with_words(stores: Stores, operator: User, client_of: Browse) -> None:
    run = run_to(stores.there)
    asked = {"pause": "paused", "resume": "resumed", "retry": "retried", "cancel": "cancelled"}
    for action, wished in asked.items():
        told = press(client_of(operator), f"{RUNS}{run.pk}/{action}/")
        assert f"Run {run.pk} is succeeded: it cannot be {wished} now." in told
    assert MigrationRun.objects.get().state == RunState.SUCCEEDED
    assert not AuditEvent.objects.filter(via="admin").exists()


def test_without_a_broker_the_run_waits_and_the_operator_is_told(
    stores: Stores, operator: User, client_of: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(stores.there)
    control.interrupt(run)

    def refuse(*_place: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.work_on_run, "delay", refuse)

    assert "The broker does not answer" in press(client_of(operator), f"{RUNS}{run.pk}/resume/")
    run.refresh_from_db()
    assert run.state == RunState.QUEUED


def test_a_button_needs_the_token_of_its_form(stores: Stores, operator: User, client_of: Browse) -> None:
    run = begun(stores.there)
    for action in ("pause", "resume", "retry", "cancel"):
        assert client_of(operator).post(f"{RUNS}{run.pk}/{action}/").status_code == 403
    run.refresh_from_db()
    assert run.state == RunState.RUNNING


def test_other_runs_are_not_found(sam: User, client_of: Browse) -> None:
    run = run_of_rows(1)
    for path in (f"{run.pk + 1}/progress/", f"{run.pk + 1}/change/", "one/change/"):
        assert client_of(sam).get(f"{RUNS}{path}").status_code == 404
