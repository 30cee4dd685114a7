"""Who needs an object, under whichever name its store is known, and what a key tells."""

from collections.abc import Callable
from datetime import UTC, datetime

from django.contrib.auth.models import User

from documents.models import Attachment, Document, Payload
from documents.services import references
from documents.services.keys import (
    COLLECTED,
    EPOCH_PREFIX,
    TRASH_PREFIX,
    attachment_id_in,
    collected_prefixes,
    object_key,
)
from documents.services.payloads import dehydrate
from documents.storage.policies import RESERVED_PREFIXES, Policy
from tests.documents.collecting import DAY, ORPHAN, ClockedStore


def test_an_object_is_needed_in_whatever_store_it_is(clocked: ClockedStore, store: Callable[..., Document]) -> None:
    """Its row may name a failover, the store that it was moved to, or the same bucket by an older name."""
    store()
    clocked.grow_older(30 * DAY)
    Attachment.objects.update(storage_type="another")
    key = Attachment.objects.get().storage_path

    assert references.needed([key, ORPHAN]) == {key}
    assert references.needed([]) == set()


def test_a_payload_is_needed_and_known(clocked: ClockedStore, alice: User) -> None:
    dehydrate(["x" * 2000], attribution="tests", owner=alice)
    key = Payload.objects.get().storage_path
    assert key.startswith("payloads/")
    assert references.needed([key]) == references.known([key]) == {key}
    Payload.objects.all().delete()
    assert references.needed([key]) == set()


def test_only_prefixes_that_no_policy_can_take_are_cleared() -> None:
    assert {*COLLECTED, TRASH_PREFIX.rstrip("/"), EPOCH_PREFIX.rstrip("/")} <= RESERVED_PREFIXES


def test_what_a_policy_puts_elsewhere_is_cleared_there() -> None:
    policies = [Policy("documents", store="local"), Policy("payslips", store="local", key_prefix="hr/payslips")]
    assert collected_prefixes(policies) == (
        "hr/payslips/documents/", "hr/payslips/payloads/", "payloads/", "documents/",
    )  # fmt: skip
    made = f"hr/payslips/{ORPHAN}"
    assert attachment_id_in(made) == attachment_id_in(ORPHAN)


def test_the_id_of_an_attachment_is_read_from_its_key() -> None:
    attachment_id = attachment_id_in(ORPHAN)
    assert attachment_id is not None
    made = object_key(attachment_id, owner_id=None, at=datetime(2026, 1, 2, tzinfo=UTC), readable_name="Ä b.pdf")
    assert attachment_id_in(made) == attachment_id
    for key in ("documents/a", f"trash/{ORPHAN}", ORPHAN.replace("/02/", "/02/x/"), ORPHAN.upper(), f"{ORPHAN}\n"):
        assert attachment_id_in(key) is None
