"""A database that is not accepted: the collector leaves its stores alone, also those that keep no epoch yet."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from documents.encryption.keyring import KeyRing
from documents.errors import ObjectNotFound, RebuildRefused, StorageAccessDenied
from documents.failpoints import FailpointReached
from documents.models import Attachment, Document
from documents.services.collection import Wish, collect
from documents.services.rebuilding import Rebuilding
from documents.services.recovery_keys import opening_ring
from documents.storage.base import ObjectReader, StorageProvider
from tests.conftest import Store
from tests.encryption.keys import ring_holding
from tests.recovery.database.losing import forget, lose_database
from tests.recovery.database.test_accepting import OPERATOR, cut, is_accepted, rebuild
from tests.recovery.objects import write_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def right(tmp_path: Path) -> KeyRing:
    return opening_ring([write_key(tmp_path, "recovery")], [])


@pytest.fixture
def young(store: Store, provider: StorageProvider) -> list[str]:
    """Two documents in a store that no collector has passed: it keeps no epoch. Their object keys."""
    store(b"first")
    store(b"second")
    return sorted(Attachment.objects.values_list("storage_path", flat=True))


def sighted(provider: StorageProvider) -> tuple[str, int]:
    """What the next pass over this store says, and how many leftovers it takes note of."""
    [report] = [report for report in collect(Wish()) if report.store == provider.name]
    return report.error, report.sighted


def test_a_young_store_is_left_alone_until_its_rebuild_is_accepted(
    young: list[str], provider: StorageProvider, right: KeyRing
) -> None:
    lose_database()
    assert dict(rebuild(provider, ring_holding("stranger")).counts) == {"failed": 2}

    error, count = sighted(provider)

    assert (count, "is not accepted for store" in error) == (0, True)
    assert rebuild(provider, right).withheld == ""
    assert sighted(provider) == ("", 0)


def test_a_young_store_is_left_alone_where_an_older_database_was_not_completed(
    young: list[str], provider: StorageProvider, right: KeyRing
) -> None:
    forget(Document.objects.all()[0])
    assert Rebuilding([provider], ring_holding("stranger"), OPERATOR).add_missing().withheld

    assert not is_accepted(provider)

    assert Rebuilding([provider], right, OPERATOR).add_missing().withheld == ""
    assert is_accepted(provider)


def test_a_rebuild_that_died_is_not_accepted(
    young: list[str], provider: StorageProvider, right: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_database()
    monkeypatch.setenv("VAULT_FAILPOINT", "recover.rows-kept:raise")
    with pytest.raises(FailpointReached):
        rebuild(provider, right)
    monkeypatch.delenv("VAULT_FAILPOINT")

    assert not is_accepted(provider)

    assert rebuild(provider, right).withheld == ""
    assert is_accepted(provider)


def test_an_operator_who_accepts_a_withheld_database_ends_its_rebuild(
    young: list[str], provider: StorageProvider, right: KeyRing
) -> None:
    lose_database()
    cut(provider, young[0])
    assert rebuild(provider, right).withheld

    call_command("collect_garbage", "--accept-older-database", "--no-input", stdout=io.StringIO())

    assert is_accepted(provider)
    with pytest.raises(RebuildRefused, match="holds documents"):
        rebuild(provider, right)


def test_a_rebuild_that_died_while_it_was_accepted_goes_on(
    young: list[str], provider: StorageProvider, right: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_database()
    monkeypatch.setenv("VAULT_FAILPOINT", "recover.database-accepted:raise")
    with pytest.raises(FailpointReached):
        rebuild(provider, right)
    monkeypatch.delenv("VAULT_FAILPOINT")

    assert not is_accepted(provider)
    assert dict(rebuild(provider, right).counts) == {"known": 2}
    assert is_accepted(provider)


def test_what_could_only_not_be_read_is_never_given_up(
    young: list[str], provider: StorageProvider, right: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_database()
    opens = type(provider).open

    def refuse_one(store: StorageProvider, key: str, **options: Any) -> ObjectReader:
        if key == young[0]:
            raise StorageAccessDenied("The bucket's policy forbids it", provider=store.name, key=key)
        return opens(store, key, **options)

    with monkeypatch.context() as denied:
        denied.setattr(type(provider), "open", refuse_one)
        report = rebuild(provider, right, accept_damaged=True)

    assert dict(report.counts) == {"added": 1, "failed": 1}
    assert report.withheld.startswith("1 objects could not be read")
    assert not is_accepted(provider)
    assert rebuild(provider, right).withheld == ""


def test_what_vanishes_while_it_is_rebuilt_withholds_nothing(
    young: list[str], provider: StorageProvider, right: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_database()
    opens = type(provider).open

    def gone(store: StorageProvider, key: str, **options: Any) -> ObjectReader:
        if key == young[0]:
            raise ObjectNotFound("It was deleted", provider=store.name, key=key)
        return opens(store, key, **options)

    monkeypatch.setattr(type(provider), "open", gone)
    report = rebuild(provider, right)

    assert dict(report.counts) == {"added": 1, "gone since they were listed": 1}
    assert is_accepted(provider)
