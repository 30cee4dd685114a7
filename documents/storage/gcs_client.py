"""The client of a django-storages alias for Google Cloud Storage."""

import os
from typing import Any, Protocol, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, storages
from google.cloud.storage import Client

from documents.errors import ConfigurationError
from documents.storage.gcs_errors import translated

# Without it the library reads the bucket's metadata in a thread of its own, to name the bucket in traces: a request
# nobody asked for, with a permission that a vault does not need.
os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")


class GcsAlias(Protocol):
    """What this module uses of ``storages.backends.gcloud.GoogleCloudStorage``."""

    bucket_name: str
    location: str

    @property
    def client(self) -> Client: ...


def gcs_alias(alias: str) -> GcsAlias:
    """The storage of an alias in ``settings.STORAGES``. Raises ConfigurationError where it is none of GCS."""
    try:
        storage: Any = storages[alias]
    except (InvalidStorageError, ImproperlyConfigured) as error:
        raise ConfigurationError(f"STORAGES has no usable entry {alias!r}: {error}") from error
    if not getattr(storage, "bucket_name", None) or not hasattr(storage, "blob_chunk_size"):
        raise ConfigurationError(f"STORAGES[{alias!r}] names no bucket of Google Cloud Storage.")
    return cast("GcsAlias", storage)


def client_of(storage: GcsAlias, *, provider: str) -> Client:
    """One client for all threads of the process, made here: take it after any fork.

    Raises StorageAccessDenied where there are no credentials, neither in the alias nor in the environment
    (GOOGLE_APPLICATION_CREDENTIALS, workload identity, the metadata server).
    """
    with translated(provider=provider):
        return storage.client
