"""What a new checkout needs before it can serve: database, keys, static files, an administrator. Safe to repeat."""

import secrets
import tempfile
from collections.abc import Callable

import environ
import psycopg
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor

from documents.conf.reading import text
from documents.conf.secrets import secret
from documents.key_rings import key_ring
from documents.keymaking import RECOVERY_PRIVATE, make_missing_keys
from documents.models import Attachment, StagedAttachment
from documents.wiring import storage_provider
from vault.envfile import BASE_DIR

ENVIRONMENT = environ.FileAwareEnv()
# Letters and digits that are not taken for one another; 25 of them are 124 random bits.
READABLE = "abcdefghjkmnpqrstuvwxyz23456789"


def prepare(tell: Callable[[str], None]) -> None:
    """Make database, keys, static files and an administrator where they are missing, then try what serving needs.

    ``tell`` gets what a person has to know, line by line, before the next step is done: nothing at all on a later
    run. Raises VaultError, DatabaseError or OSError where something cannot be made or used.
    """
    _try_database()
    for folder in (".", "broker/queue", "broker/control"):
        (settings.DATA_DIR / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    if _schema_is_behind():
        call_command("migrate", interactive=False, verbosity=0)
    _make_keys(tell)
    key_ring()
    _try_storage()
    if _static_files_are_stale():
        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    _make_administrator(tell)


def _try_database() -> None:
    """Connect once by itself: the pool would try again and again, and tell how long it waited instead of why."""
    if connection.vendor == "postgresql":
        parameters = connection.get_connection_params()
        parameters.pop("pool", None)
        with connection.wrap_database_errors:
            psycopg.connect(**parameters).close()


def _make_keys(tell: Callable[[str], None]) -> None:
    keys = settings.VAULT.keys
    # Whoever names a primary elsewhere looks after all of them; and new keys open no document that is there.
    if keys.primary_pem or Attachment.objects.exists() or StagedAttachment.objects.exists():
        return
    recovery_dir = BASE_DIR / (text(ENVIRONMENT, "VAULT_RECOVERY_DIR") or "recovery-key")
    if not make_missing_keys(keys, recovery_dir):
        return
    tell(f"Keys made in {keys.directory}: back them up, apart from the data.")
    if (recovery_dir / RECOVERY_PRIVATE).exists():
        tell(f"The recovery key is {recovery_dir / RECOVERY_PRIVATE}. It opens every document:")
        tell("move it off this machine now, to a safe place, and delete it here.")


def _try_storage() -> None:
    """Make the directory of documents and write to it. A store over the network is not asked: it may come later."""
    storage_provider()
    if settings.VAULT.storage_type == "local":
        with tempfile.TemporaryFile(dir=settings.VAULT.local_storage_path):
            pass


def _schema_is_behind() -> bool:
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _static_files_are_stale() -> bool:
    manifest = settings.STATIC_ROOT / "staticfiles.json"
    if not manifest.exists():
        return True
    made = manifest.stat().st_mtime
    sources = [*(BASE_DIR / "documents" / "static").rglob("*"), BASE_DIR / "requirements.txt"]
    return any(source.stat().st_mtime > made for source in sources)


def _make_administrator(tell: Callable[[str], None]) -> None:
    """Make the first account, from ``DJANGO_SUPERUSER_*`` or with a password of our own that is told once."""
    users = get_user_model().objects
    if users.exists():
        return
    username = text(ENVIRONMENT, "DJANGO_SUPERUSER_USERNAME") or "admin"
    email = text(ENVIRONMENT, "DJANGO_SUPERUSER_EMAIL") or "admin@localhost"
    password = secret(ENVIRONMENT, "DJANGO_SUPERUSER_PASSWORD")
    chosen = password or "-".join("".join(secrets.choice(READABLE) for _ in range(5)) for _ in range(5))
    # Told before it is committed: an account whose password nobody saw would be in the way of the next start.
    with transaction.atomic():
        users.create_superuser(username=username, email=email, password=chosen)
        if password:
            tell(f"Administrator {username!r} made with the password of DJANGO_SUPERUSER_PASSWORD.")
        else:
            tell(f"Administrator: {username}   Password: {chosen}")
            tell("This is shown once. Change it after signing in, under Account, and add a second factor there.")
