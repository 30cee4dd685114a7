"""Objects are found by what their rows say, and copies of them checked by it."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from documents.errors import ObjectNotFound
from documents.models import Attachment, Payload
from documents.services.actors import Actor
from documents.services.object_reading import checksum_of, read_where_it_is
from documents.services.payloads import dehydrate
from documents.storage.base import StorageProvider
from documents.storage.hashing import checksum_of as checksum_of_bytes
from tests.conftest import Store

Rows = list[Attachment | Payload]


@pytest.fixture
def rows(store: Store, alice: User, as_alice: Actor) -> Rows:
    """An attachment and a payload."""
    attachment = store().current_attachment()
    dehydrate("x" * 5_000, attribution="reports", owner=alice, actor=as_alice)
    return [attachment, Payload.objects.get()]


def test_the_checksum_is_the_objects_whoever_holds_it(rows: Rows, provider: StorageProvider) -> None:
    for row in rows:
        assert checksum_of(row.storage_path) == checksum_of_bytes(provider.get(row.storage_path))


def test_an_object_that_no_row_names_has_a_checksum_that_none_fits(rows: Rows) -> None:
    for row in rows:
        elsewhere = f"elsewhere/{row.storage_path}"
        assert [checksum_of(key) for key in (elsewhere, row.storage_path.replace(str(row.pk), str(uuid4())), "k")] == [
            "sha256:"
        ] * 3


def test_a_key_of_the_vaults_own_is_looked_up_by_its_id(rows: Rows) -> None:
    for row in rows:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            checksum_of(row.storage_path)
        assert all('"id" = ' in query["sql"] for query in asked)
        type(row)._default_manager.filter(pk=row.pk).update(storage_path=f"moved/{row.pk}")
        assert checksum_of(f"moved/{row.pk}") == f"sha256:{row.digest}", "other keys are found as well"


def test_a_row_that_was_switched_is_read_where_it_is_now_and_only_once_more(rows: Rows) -> None:
    for row in rows:
        seen: list[str] = []
        read = reader_of(row, seen)
        with pytest.raises(ObjectNotFound):
            read_where_it_is(row, read)
        assert seen == [row.storage_path]
        before = row.storage_path
        type(row)._default_manager.filter(pk=row.pk).update(storage_path=f"moved/{row.pk}")
        with pytest.raises(ObjectNotFound):
            read_where_it_is(row, read)
        assert seen[1:] == [before, f"moved/{row.pk}"]


def test_an_object_whose_row_has_gone_is_not_found(rows: Rows) -> None:
    for row in rows:
        type(row)._default_manager.filter(pk=row.pk).delete()
        with pytest.raises(ObjectNotFound, match="not here"):
            read_where_it_is(row, reader_of(row, []))


def reader_of(row: Attachment | Payload, seen: list[str]) -> Callable[[StorageProvider], None]:
    def read(_provider: StorageProvider) -> None:
        seen.append(row.storage_path)
        raise ObjectNotFound("not here")

    return read
