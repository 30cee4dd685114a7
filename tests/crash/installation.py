"""A vault with a database, a store, keys and a person, ready for its processes to be started and killed."""

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.crash.client import Person
from tests.crash.leftovers import Bucket, Directory, Store, leftovers
from tests.crash.processes import Processes
from tests.keyring import write_keys
from tests.services.s3_server import S3Server

PASSWORD = "correct horse battery staple"
SWEEPS = ["sweep_uploads", "sweep_payloads", "sweep_removals", "sweep_unfinished"]
# Seconds; short, so that a test can wait for them. Long enough that a busy machine confirms in time.
GRACE = {
    "VAULT_UPLOAD_LEASE": "1",
    "VAULT_DISCARD_GRACE": "1",
    "VAULT_STAGED_LIFETIME": "4",
    "VAULT_PAYLOAD_GRACE": "1",
}


@dataclass
class Installation:
    """``environment`` is all that its processes need."""

    directory: Path
    environment: dict[str, str]
    store: Store
    processes: Processes
    person: Person

    @property
    def database_url(self) -> str:
        return self.environment["DATABASE_URL"]

    def leftovers_after_grace(self, *, through_worker: bool = False, seconds: float = 30) -> dict[str, set[str]]:
        """Sweep until nothing is left over, or the time is; what was left then.

        ``through_worker`` sends the tasks to the worker that runs, instead of running them.
        """
        deadline = time.monotonic() + seconds
        while True:
            self.processes.run("task", names=SWEEPS, send=through_worker)
            left = leftovers(self.database_url, self.store)
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.5)


def base_environment(directory: Path) -> dict[str, str]:
    """Everything below ``directory``: local disk, SQLite, the broker that is a folder, temporary files."""
    for folder in ("data/broker/queue", "data/broker/control", "temporary", "logs"):
        (directory / folder).mkdir(parents=True)
    return {
        "DJANGO_SETTINGS_MODULE": "vault.settings",
        "VAULT_ENV_FILE": os.devnull,
        "SECRET_KEY": "only-for-tests-0123456789-0123456789-0123456789-0123456789",
        "VAULT_HTTPS": "false",
        "VAULT_DATA_DIR": str(directory / "data"),
        "LOCAL_STORAGE_PATH": str(directory / "data" / "storage"),
        "VAULT_KEYS_DIR": str(write_keys(directory / "keys")),
        "DATABASE_URL": f"sqlite:///{directory / 'data' / 'vault.sqlite3'}",
        "CACHE_URL": "locmemcache://",
        "CELERY_BROKER_URL": "filesystem://",
        "EMAIL_URL": "consolemail://",
        "VAULT_MAX_REQUESTS_PER_CLIENT": "1000",  # all clients of these tests have one address
        "STORAGE_TYPE": "local",
        "TMPDIR": str(directory / "temporary"),
        "VAULT_FAILPOINT": "",
        "LOG_LEVEL": "INFO",
    }


@contextmanager
def installed(directory: Path, environment: dict[str, str], store: Store | None = None) -> Iterator[Installation]:
    """Migrate the database, make Alice and her token. The processes end with the block."""
    processes = Processes(environment, directory / "logs")
    try:
        processes.run("command", arguments=["migrate", "--verbosity=0"])
        processes.run(
            "command",
            arguments=["createsuperuser", "--noinput", "--username=alice", "--email=alice@example.org"],
            environment={"DJANGO_SUPERUSER_PASSWORD": PASSWORD},
        )
        token = processes.run("command", arguments=["create_api_token", "alice"], forget=True).strip()
        local = Directory(Path(environment["LOCAL_STORAGE_PATH"]))
        yield Installation(directory, environment, store or local, processes, Person(token))
    finally:
        processes.close()


@contextmanager
def embedded_installation(directory: Path, **environment: str) -> Iterator[Installation]:
    """SQLite and local disk."""
    with installed(directory, {**base_environment(directory), **environment}) as installation:
        yield installation


@contextmanager
def servers_installation(
    directory: Path, *, postgres_url: str, s3: S3Server, bucket: Bucket, **environment: str
) -> Iterator[Installation]:
    """PostgreSQL, with a database of its own, and S3."""
    with own_database(postgres_url) as database_url:
        s3_environment = {
            "DATABASE_URL": database_url,
            "STORAGE_TYPE": "s3",
            "S3_ENDPOINT_URL": s3.endpoint_url,
            "S3_ACCESS_KEY": s3.access_key,
            "S3_SECRET_KEY": s3.secret_key,
            "S3_BUCKET": bucket.name,
        }
        with installed(directory, {**base_environment(directory), **s3_environment, **environment}, bucket) as found:
            yield found


@contextmanager
def own_database(postgres_url: str) -> Iterator[str]:
    name = f"crash_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def forgetting(person: Person) -> Person:
    """The same person, with nothing acknowledged yet."""
    return replace(person, acknowledged={}, attempted=set())
