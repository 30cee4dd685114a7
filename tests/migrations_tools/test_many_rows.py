"""However large the vault: planning keeps one batch, and no batch costs more than another."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4
from weakref import WeakSet

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.many_rows import analyze, fill_documents, plan_documents
from documents.models import Attachment, Document, ObjectRemoval
from documents.services.actors import Actor
from documents.services.deletion import delete_document
from migrations_tools import control, plan
from migrations_tools.copying import CopyWork
from migrations_tools.leases import leased_to, take_items
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.pace import Pace
from migrations_tools.places import Places
from migrations_tools.plan import complete_plan
from tests.migrations_tools.moving import OPERATOR, Stores, outcomes

Store = Callable[..., Document]
MANY = [20_000, pytest.param(1_000_000, marks=[pytest.mark.long, pytest.mark.timeout(3600)])]


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """Those that the database is asked meanwhile."""
    asked: list[str] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append(sql[:20])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield asked


def new_run(stores: Stores, alice: User, count: int) -> MigrationRun:
    fill_documents(count, owner=alice.pk, store=stores.here, digest="0" * 64)
    return control.create(MigrationRun(destination=stores.there), OPERATOR)


def planned(run: MigrationRun, monkeypatch: pytest.MonkeyPatch) -> tuple[int, set[int]]:
    """Plan the run. Returns how many items were alive at once, at the most, and how many statements a batch has."""
    alive, most, statements = WeakSet[MigrationItem](), [0], []
    items = plan._items

    def seen(*arguments: Any) -> Iterator[MigrationItem]:
        for item in items(*arguments):
            alive.add(item)
            yield item

    monkeypatch.setattr(plan, "_items", seen)
    monkeypatch.setattr(MigrationItem, "__hash__", object.__hash__)  # they have no key before they are stored
    with counted_statements() as asked:

        def look(_items: int) -> None:
            most[0] = max(most[0], len(alive))
            statements.append(len(asked))
            asked.clear()

        complete_plan(run, look)
    # Uploads come first and payloads last, and there are none: the ends are no batches.
    return most[0], set(statements[1:-2])


@pytest.mark.parametrize("count", MANY)
def test_planning_keeps_the_items_of_one_batch_and_every_batch_asks_as_often(
    stores: Stores, alice: User, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    run = new_run(stores, alice, count)

    alive, statements = planned(run, monkeypatch)

    assert (run.planned_items, run.items.count()) == (count, count)
    assert alive <= 2 * plan.BATCH
    assert len(statements) == 1


def test_a_plan_that_keeps_its_items_is_seen(stores: Stores, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(stores, alice, 20_000)
    kept: list[Any] = []
    items = plan._items

    def keeping(*arguments: Any) -> Iterator[MigrationItem]:
        for item in items(*arguments):
            kept.append(item)
            yield item

    monkeypatch.setattr(plan, "_items", keeping)

    assert planned(run, monkeypatch)[0] == 20_000


def test_thirty_objects_are_switched_with_the_statements_of_three(stores: Stores, store: Store) -> None:
    for number in range(33):
        store(f"document {number}".encode())
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    complete_plan(run)
    work = CopyWork(run, Places(), Pace(threads=1))
    asked_for = []
    for count in (3, 30):
        with counted_statements() as asked:
            token, items = take_items(run, count, lease=timedelta(minutes=1))
            steps = list(work.begin(token, items))
            for step in steps:
                step.call()
            assert work.settle(token, steps) == []
        asked_for.append(len(asked))

    assert run.items.filter(state="done").count() == 33
    assert asked_for[0] == asked_for[1]


def test_one_row_that_changed_among_many_is_told_and_the_others_are_switched(
    stores: Stores, store: Store, as_alice: Actor, alice: User
) -> None:
    documents = [store(f"document {number}".encode()) for number in range(5)]
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    complete_plan(run)
    work = CopyWork(run, Places(), Pace(threads=1))
    token, items = take_items(run, 5, lease=timedelta(minutes=1))
    steps = list(work.begin(token, items))
    for step in steps:
        step.call()
    delete_document(documents[2].pk, owner=alice, actor=as_alice)

    work.settle(token, steps)

    assert outcomes(run) == {"done": 4, "skipped:deleted": 1}
    assert {row.storage_type for row in Attachment.objects.all()} == {stores.there}
    # What was copied too late is deleted as well.
    assert ObjectRemoval.objects.filter(storage_type=stores.there).count() == 1


def test_a_worker_that_takes_again_what_it_lost_goes_on(stores: Stores, store: Store) -> None:
    for number in range(3):
        store(f"document {number}".encode())
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    complete_plan(run)
    work = CopyWork(run, Places(), Pace(threads=1))
    first, items = take_items(run, 3, lease=timedelta(0))
    steps = list(work.begin(first, items))
    second, again = take_items(run, 3, lease=timedelta(minutes=1))
    retaken = list(work.begin(second, again))
    for step in (*steps, *retaken):
        step.call()

    assert work.settle(first, steps) == []
    assert work.settle(second, retaken) == []

    assert outcomes(run) == {"done": 3}


def test_a_worker_passes_by_nothing_that_is_done(stores: Stores, alice: User) -> None:
    run = new_run(stores, alice, 20_000)
    plan_documents(run.pk)
    token, _items = take_items(run, 10_000, lease=timedelta(minutes=1))
    leased_to(token).update(state="done", lease=None)
    analyze()

    with CaptureQueriesContext(connection) as asked:
        token, items = take_items(run, 100, lease=timedelta(minutes=1))

    assert len(items) == 100
    choosing = next(query["sql"] for query in asked if "finished_at" in query["sql"] and "ORDER BY" in query["sql"])
    assert "item_in_order" in explained(choosing)
    assert "item_leased" in leased_to(uuid4()).explain()


def explained(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{statement}")
        return str(cursor.fetchall())
