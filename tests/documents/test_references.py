"""Who needs an object, under whichever name its store is known, and what a key tells."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from pytest_django.fixtures import Settings

from documents.conf.storage_file import FailoverConfig
from documents.models import Attachment, Document
from documents.services import references
from documents.services.keys import COLLECTED_PREFIXES, EPOCH_PREFIX, TRASH_PREFIX, attachment_id_in, object_key
from documents.storage.policies import RESERVED_PREFIXES
from tests.documents.collecting import DAY, ORPHAN, ClockedStore


def test_what_a_failover_keeps_is_needed_in_each_of_its_stores(
    clocked: ClockedStore, store: Callable[..., Document], settings: Settings
) -> None:
    """Its rows bear its own name, and the names of its stores stand in no row."""
    store()
    clocked.grow_older(30 * DAY)
    outer, inner = (
        FailoverConfig(("inner", "local"), second_copy=False),
        FailoverConfig(("memory",), second_copy=False),
    )
    stores = (*settings.VAULT.storage_file.stores, ("inner", inner), ("outer", outer))
    with_failover = replace(settings.VAULT.storage_file, stores=stores)
    Attachment.objects.update(storage_type="outer")
    key = Attachment.objects.get().storage_path
    assert references.needed("memory", [key]) == set()
    settings.VAULT = replace(settings.VAULT, storage_file=with_failover)

    assert references.needed("memory", [key]) == {key}


def test_a_copy_on_the_local_disk_of_what_another_store_has_is_needed(
    clocked: ClockedStore, store: Callable[..., Document]
) -> None:
    store()
    key = Attachment.objects.get().storage_path

    assert references.needed("local", [key, ORPHAN]) == {key}


def test_only_prefixes_that_no_policy_can_take_are_cleared() -> None:
    prefixes = {prefix.rstrip("/") for prefix in (*COLLECTED_PREFIXES, TRASH_PREFIX, EPOCH_PREFIX)}
    assert prefixes <= RESERVED_PREFIXES


def test_the_id_of_an_attachment_is_read_from_its_key() -> None:
    attachment_id = attachment_id_in(ORPHAN)
    assert attachment_id is not None
    made = object_key(attachment_id, owner_id=None, at=datetime(2026, 1, 2, tzinfo=UTC), readable_name="Ä b.pdf")
    assert attachment_id_in(made) == attachment_id
    for key in ("documents/a", f"trash/{ORPHAN}", ORPHAN.replace("/02/", "/02/x/"), ORPHAN.upper(), f"{ORPHAN}\n"):
        assert attachment_id_in(key) is None
