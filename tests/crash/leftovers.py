"""An independent look at what is stored: by SQL, the file system and the S3 client, not by the vault's code."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psycopg

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Store(Protocol):
    def objects(self) -> set[str]: ...
    def unfinished(self) -> set[str]: ...
    def read(self, key: str) -> Iterator[bytes]: ...


@dataclass(frozen=True)
class Directory:
    """Where the local provider keeps its objects."""

    root: Path

    def objects(self) -> set[str]:
        return {name for name in self._files() if not name.endswith(".part")}

    def unfinished(self) -> set[str]:
        return {name for name in self._files() if name.endswith(".part")}

    def read(self, key: str) -> Iterator[bytes]:
        with (self.root / key).open("rb") as file:
            while piece := file.read(1024 * 1024):
                yield piece

    def _files(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}


@dataclass(frozen=True)
class Bucket:
    client: "S3Client"
    name: str

    def objects(self) -> set[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return {entry["Key"] for page in pages for entry in page.get("Contents", ())}

    def unfinished(self) -> set[str]:
        pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.name)
        return {upload["Key"] for page in pages for upload in page.get("Uploads", ())}

    def read(self, key: str) -> Iterator[bytes]:
        with closing(self.client.get_object(Bucket=self.name, Key=key)["Body"]) as body:
            yield from body.iter_chunks(1024 * 1024)


def rows(database_url: str, query: str) -> list[tuple[Any, ...]]:
    """What the database answers, on a connection of its own."""
    if database_url.startswith("sqlite"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"), timeout=20)) as connection:
            return list(connection.execute(query))
    with psycopg.connect(database_url) as server:
        return server.execute(os.fsencode(query)).fetchall()


def leftovers(database_url: str, store: Store) -> dict[str, set[str]]:
    """Everything that no document needs, by kind; and what documents need and is not there."""
    kept = "SELECT storage_path FROM documents_attachment UNION SELECT storage_path FROM documents_payload"
    needed = {path for (path,) in rows(database_url, kept)}
    # The numbers by which a store and its database know each other are nobody's documents. A write of one that was
    # killed has the collector's grace, which is longer than a test (test_unfinished.py shows that it goes then).
    objects = {key for key in store.objects() if not key.startswith("vault/")}
    found = {
        "orphan objects": objects - needed,
        "missing objects": needed - objects,
        "unfinished writes": {path for path in store.unfinished() if not path.startswith("vault/")},
        "staged rows": {f"{i}: {s}" for i, s in rows(database_url, "SELECT id, state FROM documents_stagedattachment")},
        "unheld payloads": {
            str(i) for (i,) in rows(database_url, "SELECT id FROM documents_payload WHERE document_id IS NULL")
        },
        "removals": {path for (path,) in rows(database_url, "SELECT storage_path FROM documents_objectremoval")},
    }
    return {kind: names for kind, names in found.items() if names}
