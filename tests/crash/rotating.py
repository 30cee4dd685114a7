"""A vault whose primary KEK changes while it is used, and the command that rewraps for it."""

import json
from typing import Any
from uuid import UUID

from documents.encryption.recipients import recipients_of
from documents.encryption.vectors.keys import kek_id
from documents.services.sidecars import sidecar_key
from tests.crash.installation import Installation
from tests.crash.leftovers import rows
from tests.crash.moving import Moving
from tests.crash.processes import Process
from tests.upkeep.keys import add_key

ROTATE = "rotate_keys"
# Both are in the ring; one of them seals.
KEKS = ("primary", "stranger")
# Bytes that a rewrap may write for one attachment, its row and its sidecar together.
MOST_WRITTEN = 8 * 1024


def add_second_key(vault: Installation) -> None:
    """Put a second KEK into the key directory; it opens and does not seal yet."""
    older = vault.directory / "keys" / "older"
    older.mkdir()
    add_key(older / "second.pem", "stranger")


def start(vault: Installation, *arguments: str, failpoint: str = "") -> Process:
    """Begin the command; it writes its report to its log."""
    return vault.processes.start("manage", arguments=list(arguments), environment={"VAULT_FAILPOINT": failpoint})


def manage(vault: Installation, *arguments: str, failpoint: str = "") -> tuple[int | None, str]:
    """Run a command to its end, good or bad. Returns its exit status and all that it wrote."""
    process = start(vault, *arguments, failpoint=failpoint)
    return process.wait(120), process.log.read_text()


def newest_rotation(vault: Installation) -> tuple[int, str]:
    """Its id and its state; 0 where there was none yet."""
    found = rows(vault.database_url, "SELECT id, state FROM documents_upkeeprun ORDER BY id DESC LIMIT 1")
    return (int(found[0][0]), str(found[0][1])) if found else (0, "")


def assert_wrapped_for(moving: Moving, name: str) -> None:
    """Every row is wrapped for this KEK and no other of the two, and so says what stands beside its object."""
    other = next(kek_id(one) for one in KEKS if one != name)
    held = {store: moving.stores[store].objects() for store in moving.stores}
    for pk, store, block in rows(
        moving.vault.database_url, "SELECT id, storage_type, key_block FROM documents_attachment"
    ):
        recipients = recipients_of(bytes(block))
        assert (recipients[0], other in recipients) == (kek_id(name), False)
        key = sidecar_key(uuid_of(pk), bytes(block))
        assert key in held[store], f"{key} is not beside its object"
        assert 2 * len(bytes(block)) <= MOST_WRITTEN


def uuid_of(value: object) -> UUID:
    """SQLite keeps ids as text without dashes."""
    return value if isinstance(value, UUID) else UUID(str(value))


def list_keks(vault: Installation) -> dict[str, Any]:
    """What the command of that name tells, by the KEKs' ids."""
    status, told = manage(vault, "list_keks", "--format", "json")
    assert status == 0, told
    found = json.loads(told[told.index("{") :])
    return {kek["kek_id"]: kek for kek in found["keks"]}
