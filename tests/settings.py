"""Settings of the tests: the vault's own, out of an environment that no ``.env`` of a developer touches.

TEST_PROFILE chooses what the domain and web tests run on: ``embedded`` (SQLite, memory, local disk) or ``servers``
(PostgreSQL, Valkey, S3 as ``tests.services.run`` started them).
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from tests.keyring import write_keys
from tests.services.environment import POSTGRES_URL, S3_ACCESS_KEY, S3_ENDPOINT_URL, S3_SECRET_KEY, VALKEY_URL

PROFILE = os.environ.get("TEST_PROFILE", "embedded")
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
# Of this process alone: two runs at once share nothing.
DATA = Path(tempfile.mkdtemp(prefix=f"document-vault-{WORKER}-"))
atexit.register(shutil.rmtree, DATA, ignore_errors=True)

for name in [
    name
    for name in os.environ
    if name.startswith(("VAULT_", "S3_", "HCP_", "GCS_", "AZURE_", "STORAGE_TYPE", "LOCAL_STORAGE", "SECRET"))
]:
    del os.environ[name]
os.environ |= {
    "VAULT_ENV_FILE": os.devnull,
    "SECRET_KEY": "only-for-tests-0123456789-0123456789-0123456789-0123456789",
    "VAULT_HTTPS": "false",
    "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
    "VAULT_DATA_DIR": str(DATA),
    "LOCAL_STORAGE_PATH": str(DATA / "storage"),
    "VAULT_KEYS_DIR": str(write_keys(DATA / "keys")),
    "EMAIL_URL": "memorymail://",
    "LOG_LEVEL": "WARNING",
    "DATABASE_URL": f"sqlite:///{DATA / 'vault.sqlite3'}",
    "CACHE_URL": "locmemcache://",
    "CELERY_BROKER_URL": "filesystem://",
}
if PROFILE == "servers":
    os.environ |= {
        "DATABASE_URL": os.environ[POSTGRES_URL],
        # One database of Valkey for each worker, because clearing a cache clears its database; 0 is the broker's.
        "CACHE_URL": f"{os.environ[VALKEY_URL]}/{1 + int(WORKER.removeprefix('gw') if WORKER != 'main' else 0)}",
        "CELERY_BROKER_URL": f"{os.environ[VALKEY_URL]}/0",
        "STORAGE_TYPE": "s3",
        "S3_ENDPOINT_URL": os.environ[S3_ENDPOINT_URL],
        "S3_ACCESS_KEY": os.environ[S3_ACCESS_KEY],
        "S3_SECRET_KEY": os.environ[S3_SECRET_KEY],
        "S3_BUCKET": f"vault-{WORKER}",
    }

from vault.settings import *  # noqa: E402, F403  # after the environment is made

# The pages under test need no collected files; the manifest is tried by the tests that start the vault itself.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
# Another app with files of its own.
INSTALLED_APPS = [*INSTALLED_APPS, "tests.payslips"]  # noqa: F405
WHITENOISE_AUTOREFRESH = True
CELERY_TASK_ALWAYS_EAGER = True
# A code made at the end of its half minute is still good when a busy machine comes to check it.
MFA_TOTP_TOLERANCE = 1
if PROFILE == "embedded":
    # A file, as in production: SQLite's shared memory mode locks tables where a file lets writers wait.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA / "test.sqlite3")}  # noqa: F405
    DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"  # noqa: F405
PASSWORD_HASHERS = ["tests.hashers.QuickArgon2"]
