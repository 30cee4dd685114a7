"""Who needs an object, under whichever name its store is known, and what a key tells."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from documents.models import Attachment, Document, ObjectRemoval, Payload, StagedAttachment
from documents.models.clock import database_now
from documents.services import references
from documents.services.keys import (
    COLLECTED,
    EPOCH_PREFIX,
    TRASH_PREFIX,
    attachment_id_in,
    collected_prefixes,
    is_place_of_attachments,
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


def test_an_object_is_needed_by_its_id_at_whatever_path(
    clocked: ClockedStore, store: Callable[..., Document], alice: User
) -> None:
    """To a store with a shorter prefix, or at the top of the bucket, the keys of the other one are longer."""
    store()
    dehydrate(["x" * 2000], attribution="tests", owner=alice)
    ObjectRemoval.objects.create(storage_type="s3", storage_path=ORPHAN, attachment_id=UUID(ORPHAN[-40:-4]))
    path = object_key(staged_id := uuid4(), owner_id=None, at=database_now())
    StagedAttachment.objects.create(pk=staged_id, storage_path=path, expires_at=database_now())
    tables = (Attachment.objects, StagedAttachment.objects, Payload.objects, ObjectRemoval.objects)
    paths = [path for table in tables for path in table.values_list("storage_path", flat=True)]
    keys = {f"archive/2026/{path}" for path in paths}
    other = f"archive/{ORPHAN.replace('1111-', '1112-')}"

    assert references.needed([*keys, other]) == keys
    assert len(keys) == 4


def test_an_object_is_needed_by_its_path_where_that_has_no_id(
    clocked: ClockedStore, store: Callable[..., Document]
) -> None:
    store()
    Attachment.objects.update(storage_path="documents/user_1/2025/01/02/1_passport.pdf_pdf.json")

    assert references.needed(["documents/user_1/2025/01/02/1_passport.pdf_pdf.json", "documents/else"]) == {
        "documents/user_1/2025/01/02/1_passport.pdf_pdf.json"
    }


NEEDED_COLUMNS = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND attnotnull AND attname <> 'id'
"""
# For each table the two indexes that one statement may look into: by the path, and by the id that is in it.
INDEXES = {
    "sqlite": {
        "documents_attachment": ("attachment_path", "autoindex_documents_attachment_1"),
        "documents_stagedattachment": ("staged_path", "autoindex_documents_stagedattachment_1"),
        "documents_payload": ("payload_path", "autoindex_documents_payload_1"),
        "documents_objectremoval": ("removal_path", "removal_attachment"),
    },
    # As PostgreSQL calls copies of them.
    "postgresql": {
        "documents_attachment": ("attachment_storage_path_idx", "attachment_pkey"),
        "documents_stagedattachment": ("stagedattachment_storage_path_idx", "stagedattachment_pkey"),
        "documents_payload": ("payload_storage_path_idx", "payload_pkey"),
        "documents_objectremoval": ("objectremoval_storage_path_idx", "objectremoval_attachment_id_idx"),
    },
}


def test_no_table_is_read_through(db: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        references.needed([ORPHAN, f"archive/{ORPHAN}"])
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for table in INDEXES["postgresql"]:
                put_a_full_one_in_front(table)
        explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
        cursor.execute(f"{explain} {asked[-1]['sql']}")
        plan = "\n".join(str(row[-1]) for row in cursor.fetchall())

    for indexes in INDEXES[connection.vendor].values():
        assert all(index in plan for index in indexes), plan
    assert "SCAN" not in plan.replace("Scan", "")
    assert "Seq Scan" not in plan


def put_a_full_one_in_front(table: str) -> None:
    """Have PostgreSQL plan, until the transaction ends, with a table of this name, its indexes and many rows.

    What it takes for cheap depends on sizes, and those of the tables that all tests write to are whatever the others
    left: in a small one any index that has the column is as good as the right one, read from end to end.
    """
    columns = {"id": "gen_random_uuid()", "storage_type": "'s3'", "storage_path": "'documents/' || number"}
    if table == "documents_objectremoval":
        columns |= {"id": "number", "attachment_id": "gen_random_uuid()"}
    names, values = ", ".join(columns), ", ".join(columns.values())
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {table} (LIKE public.{table} INCLUDING INDEXES) ON COMMIT DROP")
        cursor.execute(NEEDED_COLUMNS, [f"pg_temp.{table}"])
        optional = ", ".join(f"ALTER COLUMN {column} DROP NOT NULL" for (column,) in cursor.fetchall())
        cursor.execute(f"ALTER TABLE pg_temp.{table} {optional}")
        rows = f"SELECT {values} FROM generate_series(1, 5000) AS number"  # noqa: S608  # names of our own
        cursor.execute(f"INSERT INTO pg_temp.{table} ({names}) {rows}")
        cursor.execute(f"ANALYZE pg_temp.{table}")


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
        assert not is_place_of_attachments(key)


def test_an_unfinished_file_is_one_of_an_upload_beside_attachments_alone() -> None:
    unfinished = f".{'0' * 32}.part"
    assert is_place_of_attachments(ORPHAN)
    assert is_place_of_attachments(f"archive/documents/system/2026/01/02/{unfinished}")
    for path in (f"trash/documents/system/2026/01/02/{unfinished}", f"files/{unfinished}", f"documents/{unfinished}"):
        assert not is_place_of_attachments(path)
