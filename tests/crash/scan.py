"""An independent look at what a run has moved, against what its report says: by SQL and by the stores' own clients."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.crash.installation import Installation
from tests.crash.leftovers import Store, rows
from tests.crash.moving import Moving

OBJECTS = """
    SELECT storage_type, storage_path, sealed_size, digest FROM documents_attachment
    UNION ALL SELECT storage_type, storage_path, sealed_size, digest FROM documents_payload
"""
# Of a run: what became of its items, and their bytes.
ITEMS = """
    SELECT state, count(*), coalesce(sum(size), 0) FROM migrations_tools_migrationitem
    WHERE run_id = {run} GROUP BY state
"""
KEPT = """
    SELECT source_type, source_path FROM migrations_tools_migrationitem WHERE source_state IN ('kept', 'purging')
"""


@dataclass(frozen=True)
class Object:
    """Its bytes are counted and hashed as they come from the store."""

    size: int
    digest: str


def as_stored(store: Store, key: str) -> Object:
    size, digest = 0, hashlib.sha256()
    for piece in store.read(key):
        size += len(piece)
        digest.update(piece)
    return Object(size, digest.hexdigest())


def objects_of(vault: Installation) -> Iterator[tuple[str, str, Object]]:
    """Store, key, and what must be there, of every row."""
    for store, key, size, digest in rows(vault.database_url, OBJECTS):
        yield str(store), str(key), Object(int(size), str(digest))


def assert_every_row_has_its_object(moving: Moving) -> None:
    """Each byte as it was sealed; and in both stores not one object more than the rows and the kept sources need."""
    wanted: dict[str, set[str]] = {name: set() for name in moving.stores}
    for store, key, expected in objects_of(moving.vault):
        assert as_stored(moving.stores[store], key) == expected, f"{store}: {key}"
        wanted[store].add(key)
    for store, key in rows(moving.vault.database_url, KEPT):
        wanted[str(store)].add(str(key))
    removals = rows(moving.vault.database_url, "SELECT storage_type, storage_path FROM documents_objectremoval")
    assert removals == []
    held = moving.held()
    missing = {name: wanted[name] - held[name] for name in held}
    surplus = {name: held[name] - wanted[name] for name in held}
    assert (missing, surplus) == ({name: set() for name in held},) * 2


def assert_report_tells_the_rows(vault: Installation, report: dict[str, Any]) -> None:
    """Total, successful, failed, skipped and bytes, as SQL counts them."""
    found = {str(state): (int(count), int(size)) for state, count, size in rows(
        vault.database_url, ITEMS.format(run=int(report["run"]["id"]))
    )}  # fmt: skip
    counts, there = {state: count for state, (count, _size) in found.items()}, report["items"]["already_there"]
    assert report["items"] == {
        "total": sum(counts.values()) + there,
        "successful": counts.get("done", 0),
        "failed": counts.get("failed", 0),
        "skipped": counts.get("skipped", 0) + there,
        "pending": counts.get("pending", 0),
        "already_there": there,
    }
    assert report["bytes"] == {
        "total": sum(size for _count, size in found.values()),
        "successful": found.get("done", (0, 0))[1],
    }


def assert_report_tells_the_store(moving: Moving, report: dict[str, Any], before: dict[str, set[str]]) -> None:
    """What a run that copied everything says it moved is what came to the destination since ``before``, to the byte.

    For a vault in which nobody deletes or uploads meanwhile.
    """
    name = report["run"]["destination"]
    came = moving.held()[name] - before.get(name, set())
    assert report["items"]["successful"] == report["items"]["total"] == len(came)
    assert report["bytes"]["successful"] == sum(as_stored(moving.stores[name], key).size for key in came)
    assert report["items"]["failed"] == report["items"]["pending"] == 0
