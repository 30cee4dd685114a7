"""Which database is accepted as the newest of its vault: one that has all of its documents, and no other.

Whatever an accepted database does not name is left over: the collector moves it to the trash.
"""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from documents.encryption.keyring import KeyRing
from documents.errors import DatabaseWithheld, OlderDatabase
from documents.models import Attachment, CollectedStore, Document
from documents.services.actors import Actor
from documents.services.collection import Wish, collect
from documents.services.epochs import check_current, ensure_current
from documents.services.rebuild_report import RebuildReport
from documents.services.rebuilding import Rebuilding
from documents.services.recovery_keys import opening_ring
from documents.storage.base import StorageProvider
from tests.conftest import Store
from tests.encryption.keys import ring_holding
from tests.recovery.database.losing import forget, lose_database
from tests.recovery.objects import write_key

OPERATOR = Actor(None, "command")
pytestmark = pytest.mark.django_db


@pytest.fixture
def right(tmp_path: Path) -> KeyRing:
    return opening_ring([write_key(tmp_path, "recovery")], [])


@pytest.fixture
def two(store: Store, provider: StorageProvider) -> list[str]:
    """Two documents, which the collector of the newer database has passed three times. Their object keys."""
    store(b"first")
    store(b"second")
    for _ in range(3):
        ensure_current(provider)
    return sorted(Attachment.objects.values_list("storage_path", flat=True))


def rebuild(provider: StorageProvider, ring: KeyRing, *, accept_damaged: bool = False) -> RebuildReport:
    return Rebuilding([provider], ring, OPERATOR, accept_damaged=accept_damaged).rebuild()


def is_accepted(provider: StorageProvider) -> bool:
    try:
        check_current(provider)
    except (OlderDatabase, DatabaseWithheld):
        return False
    return True


def cut(provider: StorageProvider, key: str) -> None:
    sealed = provider.get(key)
    provider.delete(key)
    provider.put_bytes(key, sealed[:-1])


def call(*arguments: str) -> tuple[int, dict[str, Any], str]:
    """The exit status, the report, and what is said beside it."""
    out = io.StringIO()
    try:
        call_command("recover", *arguments, "--no-input", "--format", "json", stdout=out, stderr=io.StringIO())
    except CommandError as error:
        return error.returncode, json.loads(out.getvalue() or "{}"), str(error)
    return 0, json.loads(out.getvalue()), ""


def test_the_wrong_key_accepts_nothing_and_the_right_one_then_works(
    two: list[str], provider: StorageProvider, right: KeyRing
) -> None:
    lose_database()

    report = rebuild(provider, ring_holding("stranger"), accept_damaged=True)

    assert dict(report.counts) == {"failed": 2}
    assert "2 objects may be sound: they are sealed for keys that were not given" in report.withheld
    assert not is_accepted(provider)
    [passed] = [passed for passed in collect(Wish()) if passed.store == provider.name]
    assert "older" in passed.error, "the collector leaves the store alone"
    again = rebuild(provider, right)
    assert (dict(again.counts), again.withheld) == ({"added": 2}, "")
    assert is_accepted(provider)


def test_a_run_that_was_not_accepted_goes_on(two: list[str], provider: StorageProvider, right: KeyRing) -> None:
    """However much it added: one that was accepted would be refused as a database in use."""
    lose_database()
    cut(provider, two[0])
    sound = provider.get(two[1])
    provider.delete(two[1])
    assert dict(rebuild(provider, right).counts) == {"failed": 1}
    provider.put_bytes(two[1], sound)

    report = rebuild(provider, right)

    assert dict(report.counts) == {"added": 1, "failed": 1}
    assert not is_accepted(provider)
    assert dict(rebuild(provider, right).counts) == {"known": 1, "failed": 1}


def test_damage_is_accepted_where_that_is_said(two: list[str], provider: StorageProvider, right: KeyRing) -> None:
    lose_database()
    cut(provider, two[0])

    report = rebuild(provider, right)

    assert "--accept-damaged" in report.withheld
    assert not is_accepted(provider)
    report = rebuild(provider, right, accept_damaged=True)
    assert (dict(report.counts), report.withheld) == ({"known": 1, "failed": 1}, "")
    assert is_accepted(provider)


def test_an_older_database_is_not_accepted_by_the_wrong_key(
    two: list[str], provider: StorageProvider, right: KeyRing
) -> None:
    for document in Document.objects.all():
        forget(document)
    CollectedStore.objects.update(epoch=F("epoch") - 1)

    report = Rebuilding([provider], ring_holding("stranger"), OPERATOR).add_missing()

    assert dict(report.counts) == {"failed": 2}
    assert not is_accepted(provider)
    assert Rebuilding([provider], right, OPERATOR).add_missing().counts["added"] == 2
    assert is_accepted(provider)


def test_where_no_object_is_this_vaults_nothing_is_accepted(
    two: list[str], provider: StorageProvider, right: KeyRing
) -> None:
    for document in Document.objects.all():
        forget(document)
    for key in two:
        provider.delete(key)
    CollectedStore.objects.update(epoch=F("epoch") - 1)

    report = Rebuilding([provider], right, OPERATOR).add_missing()

    assert "No object" in report.withheld
    assert not is_accepted(provider)


def test_the_command_says_so_and_ends_with_1(two: list[str], provider: StorageProvider) -> None:
    lose_database()
    cut(provider, two[0])

    status, told, said = call("--rebuild-database")

    assert (status, told["accepted"]) == (1, False)
    assert "was not accepted as the newest" in said
    assert "--accept-damaged" in said
    assert any("--accept-damaged" in note for note in told["notes"])
    status, told, said = call("--rebuild-database", "--accept-damaged")
    assert (status, told["accepted"]) == (1, True)
    assert "report says what" in said
    assert call("--list", "--accept-damaged")[0] == 2
