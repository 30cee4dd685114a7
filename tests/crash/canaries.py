"""Strings that must not be found, and a search for them in everything that an installation keeps."""

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.installation import Installation
from tests.crash.leftovers import Bucket, rows


@dataclass
class Canaries:
    """``forbidden`` may be nowhere; ``in_database`` only there. Both: what it is to the string itself."""

    in_database: dict[str, str]
    forbidden: dict[str, str] = field(default_factory=dict)

    def found(self, text: bytes, *, database: bool) -> set[str]:
        """What of it is in these bytes, also as hex or Base64."""
        wanted = self.forbidden if database else {**self.in_database, **self.forbidden}
        return {what for what, canary in wanted.items() if any(form in text for form in _forms(canary))}


def _forms(canary: str) -> tuple[bytes, ...]:
    raw = canary.encode()
    return raw, raw.hex().encode(), base64.b64encode(raw)[:-4], base64.urlsafe_b64encode(raw)[:-4]


def new_canary(what: str) -> str:
    return f"canary-{what}-{secrets.token_hex(8)}"


def findings(installation: Installation, canaries: Canaries) -> set[str]:
    """Every canary that is where it must not be: on disk, in the logs, in the store, in the database."""
    return {
        f"{what} in {place}"
        for place, text, database in _everything(installation)
        for what in canaries.found(text, database=database)
    }


def _everything(installation: Installation) -> Iterator[tuple[str, bytes, bool]]:
    """Place, content, and whether it is the database's."""
    for path in installation.directory.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes(), path.name.startswith("vault.sqlite3")
        yield f"the name of {path.name}", str(path.relative_to(installation.directory)).encode(), False
    if installation.database_url.startswith("postgres"):
        yield from _postgres(installation.database_url)
    if isinstance(installation.store, Bucket):
        yield from _bucket(installation.store)


def _postgres(database_url: str) -> Iterator[tuple[str, bytes, bool]]:
    for (table,) in rows(database_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        for (row,) in rows(database_url, f'SELECT t::text FROM "{table}" t'):  # noqa: S608
            yield f"table {table}", row.encode(), True


def _bucket(bucket: Bucket) -> Iterator[tuple[str, bytes, bool]]:
    for key in bucket.objects():
        yield f"object {key}", bucket.client.get_object(Bucket=bucket.name, Key=key)["Body"].read(), False
        yield "an object key", key.encode(), False


def plant(directory: Path, canary: str) -> Path:
    """Leave a canary where an upload handler that spools would, for the control of the search itself."""
    path = directory / "temporary" / "spooled.upload"
    path.write_bytes(b"\0" * 1000 + canary.encode())
    return path
