"""Each defence of the collector and the sweepers, switched off: a history that is survived with it loses something.

The histories are those of the model test's world, written out.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models import Max

from documents.errors import CollectionRefused
from documents.models import Attachment, CollectedStore, ObjectRemoval, Payload, StagedAttachment
from documents.models.clock import database_now
from documents.services import collection, epochs, payload_sealing, payload_sweeping, references, sightings
from documents.storage.base import ObjectInfo, StorageProvider
from tests.documents.collecting import DAY, HOUR
from tests.documents.collecting_world import World


def without_a_second_sighting(monkeypatch: pytest.MonkeyPatch) -> None:
    look = sightings.second_looks
    monkeypatch.setattr(collection, "second_looks", lambda *a, **k: look(*a, **{**k, "grace": timedelta()}))


def without_references_at_the_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_and_strike_nothing(provider: StorageProvider, listed: Sequence[ObjectInfo], *a: Any, **k: Any) -> None:
        needed = references.needed([info.key for info in listed])
        look(provider, [info for info in listed if info.key not in needed], *a, **k)

    look = sightings.first_look
    monkeypatch.setattr(collection, "first_look", look_and_strike_nothing)
    monkeypatch.setattr(sightings, "_is_still_left_over", lambda *_, **__: True)
    monkeypatch.setattr("documents.services.trash.references", SimpleNamespace(needed=lambda *_: set()))


def without_references_by_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked by the path alone, at which only the store of the row has it."""

    def needed_by_path(keys: Collection[str]) -> set[str]:
        tables = (Attachment.objects, StagedAttachment.objects, Payload.objects, ObjectRemoval.objects)
        found = (table.filter(storage_path__in=keys).values_list("storage_path", flat=True) for table in tables)
        return set().union(*found, *(claimant(keys) for claimant in references._claimants.values()))

    monkeypatch.setattr(references, "needed", needed_by_path)


def without_references_of_payloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "_ROWS", tuple(rows for rows in references._ROWS if rows[0] is not Payload))


def without_the_epoch_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    def count_and_ask_nothing(provider: StorageProvider) -> datetime:
        with suppress(CollectionRefused):
            return count_up(provider)
        return database_now()

    count_up = epochs.ensure_current
    for module in (epochs, collection):
        monkeypatch.setattr(module, "ensure_current", count_and_ask_nothing)


def without_an_epoch_for_each_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """One number in the database, which a pass over any store counts up."""

    def count_the_one_number(provider: StorageProvider) -> datetime:
        highest = CollectedStore.objects.aggregate(highest=Max("epoch"))["highest"] or 0
        CollectedStore.objects.update_or_create(storage_type=provider.name, defaults={"epoch": highest})
        return count_up(provider)

    count_up = epochs.ensure_current
    for module in (epochs, collection):
        monkeypatch.setattr(module, "ensure_current", count_the_one_number)


def without_positive_knowledge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "known", set)


def without_the_trash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("documents.services.trash.copy_verified", lambda *_: None)


def without_the_grace_of_payloads(monkeypatch: pytest.MonkeyPatch) -> None:
    seal = payload_sealing.seal_payload
    monkeypatch.setattr(
        "documents.services.payloads.seal_payload", lambda *a, **k: seal(*a, **{**k, "kept_for": timedelta()})
    )


def without_the_holders_of_payloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload_sweeping, "held", lambda _ids: set())


def without_the_epoch_guard_of_payloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload_sweeping, "in_current_stores", lambda due: due)


Step = tuple[str, object]
SWEPT_TWICE: tuple[Step, ...] = (("sweep", None), ("wait", 2 * HOUR), ("sweep", None))
COLLECTED_TWICE: tuple[Step, ...] = (*(("wait", 25 * HOUR), ("collect", None), ("wait", 25 * HOUR), ("collect", None)),)
STORED_AFTER_THE_LAST_BACKUP: tuple[Step, ...] = (
    *(("collect", None), ("snapshot", None), ("upload", None), ("confirm", None), ("restore_older", 0)),
)

HISTORIES: dict[Callable[[pytest.MonkeyPatch], None], list[Step]] = {
    # The older database was in use for a few hours; then somebody noticed.
    without_a_second_sighting: [
        *(("snapshot", None), ("upload", None), ("confirm", None), ("wait", 25 * HOUR)),
        *(("restore_older", 0), ("wait", HOUR), ("collect", None), ("wait", HOUR), ("collect", None)),
    ],
    without_references_at_the_second_look: [
        *(("orphan", None), ("wait", 25 * HOUR), ("collect", None), ("hold", None)),
        *(("wait", 25 * HOUR), ("collect", None)),
    ],
    # The bucket lists it at another path than the archive, whose row it has.
    without_references_by_id: [("upload_to_the_archive", None), ("confirm", None), *COLLECTED_TWICE],
    without_references_of_payloads: [("upload", None), ("confirm", None), ("annotate", None), *COLLECTED_TWICE],
    # What was waiting in yesterday's database is a document in today's.
    without_the_epoch_guard: [
        *(("upload", None), ("snapshot", None), ("confirm", None), ("collect", None), ("restore_older", 0)),
        *(("wait", 25 * HOUR), ("sweep", None)),
    ],
    # The same, and the newest database cleared the bucket alone.
    without_an_epoch_for_each_store: [
        *(("upload", None), ("snapshot", None), ("confirm", None), ("collect_bucket", None), ("restore_older", 0)),
        *(("collect_archive", None), ("wait", 25 * HOUR), ("collect_archive", None), ("sweep", None)),
    ],
    # Restored to a moment after the last pass: no number tells.
    without_positive_knowledge: [
        *STORED_AFTER_THE_LAST_BACKUP,
        *COLLECTED_TWICE,
        *(("wait", 8 * DAY), ("collect", None)),
    ],
    without_the_trash: [*STORED_AFTER_THE_LAST_BACKUP, *COLLECTED_TWICE],
    # On its way to a row of the app.
    without_the_grace_of_payloads: [("dehydrate", None), *SWEPT_TWICE],
    without_the_holders_of_payloads: [("dehydrate", None), ("claim", None), ("wait", 25 * HOUR), *SWEPT_TWICE],
    # Nobody held it yesterday.
    without_the_epoch_guard_of_payloads: [
        *(("dehydrate", None), ("snapshot", None), ("claim", None), ("collect", None), ("restore_older", 0)),
        *(("wait", 25 * HOUR), *SWEPT_TWICE),
    ],
}


def play(world: World, history: list[Step]) -> None:
    for name, value in history:
        getattr(world, name)(*([] if value is None else [value]))
        world.check()


@pytest.mark.parametrize("defence", HISTORIES, ids=lambda defence: defence.__name__)
def test_a_history_is_survived_with_every_defence(
    make_world: Callable[[], World], defence: Callable[[pytest.MonkeyPatch], None]
) -> None:
    play(make_world(), HISTORIES[defence])


@pytest.mark.parametrize("switch_off", HISTORIES, ids=lambda defence: defence.__name__)
def test_and_loses_something_without_one(
    make_world: Callable[[], World], monkeypatch: pytest.MonkeyPatch, switch_off: Callable[[pytest.MonkeyPatch], None]
) -> None:
    world = make_world()
    switch_off(monkeypatch)

    with pytest.raises(AssertionError, match=r"lost|moved"):
        play(world, HISTORIES[switch_off])
