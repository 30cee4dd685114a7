"""Starting a run in the admin: a form, the plan of what it would do, and nothing before that was seen."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from documents.errors import StorageUnavailable
from documents.models import Attachment, AuditEvent, Document
from documents.storage.base import StorageProvider
from migrations_tools import control
from migrations_tools.models import MigrationRun
from migrations_tools.plan import complete_plan
from migrations_tools.states import RunKind, RunState
from tests.migrations_tools.moving import OPERATOR, Stores, There, is_whole, run_to
from tests.migrations_tools.operating import RUNS, press, text_of

Browse = Callable[[User | None], Client]
Store = Callable[..., Document]
START = f"{RUNS}start/"


def wish(destination: str, **more: Any) -> dict[str, Any]:
    return {"destination": destination, "kind": "copy", "workers": 2, "threads": 4, "bandwidth": 0} | more


def token(browser: Client) -> dict[str, str]:
    browser.get(START)
    return {"X-CSRFToken": browser.cookies["csrftoken"].value}


def pressed(browser: Client, step: str, wished: dict[str, Any]) -> str:
    return press(browser, START, page=START, step=step, **wished)


def test_the_form_offers_the_configured_stores(stores: Stores, operator: User, client_of: Browse) -> None:
    page = client_of(operator).get(START).content.decode()
    offered = re.search(r'<select name="destination".*?</select>', page, re.DOTALL)
    assert offered
    names = re.findall(r'<option value="([^"]+)"', offered[0])
    assert {stores.here, stores.there} <= set(names)
    assert "azure" not in names


def test_a_run_is_planned_and_then_started(
    stores: Stores, store: Store, operator: User, client_of: Browse, there: StorageProvider
) -> None:
    for number in range(3):
        store(f"document {number}".encode())
    run_to(stores.there, max_items=1)
    size = sum(Attachment.objects.filter(storage_type=stores.here).values_list("sealed_size", flat=True))
    browser, before = client_of(operator), MigrationRun.objects.count()

    plan = pressed(browser, "plan", wish(stores.there))

    assert f"Copied and verified Source Objects Size {stores.here} 2 " in plan
    assert f"{size:,} bytes" in browser.post(START, wish(stores.there), headers=token(browser)).content.decode()
    assert "Already there 1 objects" in plan
    assert "the destination takes, gives back and deletes objects" in plan
    assert MigrationRun.objects.count() == before, "a plan saves nothing"

    assert "was started" in pressed(browser, "start", wish(stores.there))

    run = MigrationRun.objects.order_by("-pk")[0]
    assert (run.state, run.threads, run.workers, run.created_by) == (RunState.SUCCEEDED, 4, 2, operator)
    assert all(is_whole(row) and row.storage_type == stores.there for row in Attachment.objects.all())
    created = AuditEvent.objects.get(action="migration.created", actor=operator)
    assert (created.via, created.ip, created.detail["run"]) == ("admin", "127.0.0.1", run.pk)


def test_what_is_wished_for_is_what_the_run_has(
    stores: Stores, store: Store, operator: User, bob: User, client_of: Browse
) -> None:
    store(b"alice's")
    store(b"bob's", owner=bob)
    wished = wish(stores.there, owner="bob", since="2026-01-31", max_items=7, bandwidth=20)

    assert "Only of bob" in pressed(client_of(operator), "plan", wished)
    pressed(client_of(operator), "start", wished)

    run = MigrationRun.objects.get()
    assert (run.owner, run.since, run.max_items) == (bob, datetime(2026, 1, 31, tzinfo=UTC), 7)
    assert run.bandwidth == 20_000_000
    assert list(run.items.values_list("object_id", flat=True)) == list(
        Attachment.objects.filter(document__owner=bob).values_list("pk", flat=True)
    )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"destination": "azure"}, "azure is not one of the available choices"),
        ({"kind": "move"}, "move is not one of the available choices"),
        ({"owner": "nobody"}, "There is no person 'nobody'"),
        ({"since": "31.31.2026"}, "Enter a valid date"),
        ({"max_items": "0"}, "greater than or equal to 1"),
        ({"max_items": "9" * 30}, "less than or equal to"),
        ({"workers": "0"}, "greater than or equal to 1"),
        ({"threads": "101"}, "less than or equal to 100"),
        ({"bandwidth": "-1"}, "greater than or equal to 0"),
        ({"kind": "purge", "owner": "sam"}, "leave owner and since empty"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_typed_is_lost(
    stores: Stores, sam: User, client_of: Browse, wrong: dict[str, str], told: str
) -> None:
    browser = client_of(sam)
    for step in ("plan", "start"):
        answer = browser.post(START, wish(stores.there) | wrong | {"step": step}, headers=token(browser))
        assert answer.status_code == 200
        assert told in text_of(answer.content)
        assert 'value="4"' in answer.content.decode() or "threads" in wrong
    assert not MigrationRun.objects.exists()


def test_going_back_from_the_plan_keeps_what_was_typed(stores: Stores, operator: User, client_of: Browse) -> None:
    browser = client_of(operator)
    data = wish(stores.there, max_items=77, since="2026-01-31", step="edit")
    page = browser.post(START, data, headers=token(browser)).content.decode()
    assert re.search(r'name="max_items" value="77"', page)
    assert re.search(r'name="since" value="2026-01-31"', page)
    assert f'<option value="{stores.there}" selected>' in page


def test_a_purge_is_confirmed_by_typing(
    stores: Stores, store: Store, here: StorageProvider, operator: User, client_of: Browse
) -> None:
    attachment = store(b"one").attachments.get()
    run_to(stores.there)
    browser, wished = client_of(operator), wish(stores.there, kind="purge")

    plan = pressed(browser, "plan", wished)
    assert "Deleted at the source, each after its copy was verified again" in plan
    assert "Type “purge” to confirm" in plan
    for typed in ("", "Purge", "yes"):
        assert "Nothing was started" in pressed(browser, "start", wished | {"confirmation": typed})
    assert here.exists(attachment.storage_path)
    assert MigrationRun.objects.filter(kind=RunKind.PURGE).count() == 0

    pressed(browser, "start", wished | {"confirmation": " purge "})

    assert MigrationRun.objects.get(kind=RunKind.PURGE).state == RunState.SUCCEEDED
    assert not here.exists(attachment.storage_path)
    assert is_whole(attachment)


def test_a_run_whose_rows_another_has_is_not_started(
    stores: Stores, store: Store, operator: User, client_of: Browse
) -> None:
    store(b"one")
    first = control.create(MigrationRun(destination=stores.there), OPERATOR)
    complete_plan(first)

    for step in ("plan", "start"):
        page = pressed(client_of(operator), step, wish(stores.there))
        assert f"Run {first.pk} has rows of this one and is not over" in page
        assert "Start Change it" not in page
    assert MigrationRun.objects.count() == 1


def test_a_destination_that_takes_nothing_is_told_before_anything_begins(
    stores: Stores, store: Store, operator: User, client_of: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(b"one")

    def refuse(provider: There, key: str, _data: object) -> None:
        raise StorageUnavailable("503", provider=provider.name, key=key, hint="Wait.")

    monkeypatch.setattr(There, "put_bytes", refuse)

    page = pressed(client_of(operator), "plan", wish(stores.there))

    assert "The destination was tried, and failed" in page
    assert "Change it" in page
    assert "Start Change it" not in page


def test_objects_that_cannot_be_moved_are_counted_with_the_reason(
    stores: Stores, store: Store, operator: User, client_of: Browse
) -> None:
    for content in (b"1", b"2", b"3"):
        store(content)
    lost, bare = Attachment.objects.order_by("pk")[:2]
    Attachment.objects.filter(pk=lost.pk).update(storage_type="gone")
    Attachment.objects.filter(pk=bare.pk).update(digest="")

    page = pressed(client_of(operator), "plan", wish(stores.there))

    assert "1 refused. Its row has no digest to compare a copy with." in page
    assert "1 refused. The store of its row is not configured here." in page
    assert f"{stores.here} 1 " in page


def test_where_nothing_is_to_be_done_nothing_is_offered(stores: Stores, operator: User, client_of: Browse) -> None:
    for kind in ("copy", "verify", "purge"):
        page = pressed(client_of(operator), "plan", wish(stores.there, kind=kind))
        assert "Nothing is to be done." in page
        assert "Start Change it" not in page
