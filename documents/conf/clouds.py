"""Buckets of Google Cloud Storage, and containers of Azure Blob Storage."""

from dataclasses import dataclass, field

from documents.conf.reading import shown
from documents.conf.sources import Source, needed, prefix_of
from documents.errors import ConfigurationError

GCS_FIELDS = frozenset(("bucket", "project", "prefix"))
AZURE_FIELDS = frozenset(("container", "account_name", "account_key", "sas_token", "connection_string", "prefix"))


@dataclass(frozen=True)
class GcsConfig:
    """One bucket. Credentials are Google's own: GOOGLE_APPLICATION_CREDENTIALS, workload identity, metadata server."""

    bucket: str
    project: str = ""
    prefix: str = ""

    backend = "storages.backends.gcloud.GoogleCloudStorage"

    def storage_options(self) -> dict[str, str | None]:
        """Return the OPTIONS of the django-storages alias."""
        return {"bucket_name": self.bucket, "project_id": self.project or None, "location": self.prefix}


@dataclass(frozen=True)
class AzureConfig:
    """One container, and the account's key, a shared access signature or a connection string to reach it."""

    container: str
    account_name: str = ""
    account_key: str = field(default="", repr=False)
    sas_token: str = field(default="", repr=False)
    connection_string: str = field(default="", repr=False)
    prefix: str = ""

    backend = "storages.backends.azure_storage.AzureStorage"

    def storage_options(self) -> dict[str, str | None]:
        """Return the OPTIONS of the django-storages alias."""
        return {
            "azure_container": self.container,
            "account_name": self.account_name or None,
            "account_key": self.account_key or None,
            "sas_token": self.sas_token or None,
            "connection_string": self.connection_string or None,
            "location": self.prefix,
        }


def gcs_from(source: Source) -> GcsConfig:
    """Raises ConfigurationError naming the first field that is missing or malformed."""
    bucket = needed(source, "bucket", "A store on Google Cloud Storage needs it; set it.")
    # Cloud Storage documentation, "About buckets": 3 to 63, with dots up to 222.
    if not 3 <= len(bucket) <= 222 or any(not (c.isascii() and (c.isalnum() or c in ".-_")) for c in bucket):
        raise ConfigurationError(
            f"{source.called('bucket')} is {shown(bucket)}. A bucket name has 3 to 63 letters, digits, dots and dashes."
        )
    return GcsConfig(bucket, source.text("project"), prefix_of(source))


def azure_from(source: Source) -> AzureConfig:
    """Raises ConfigurationError naming the first field that is missing or malformed."""
    container = needed(source, "container", "A store on Azure needs it; set it.")
    # "Naming and Referencing Containers, Blobs, and Metadata" of the documentation.
    if not 3 <= len(container) <= 63 or any(not (c.isascii() and (c.isalnum() or c == "-")) for c in container):
        raise ConfigurationError(
            f"{source.called('container')} is {shown(container)}. A container's name has 3 to 63 letters, digits and "
            "dashes."
        )
    ways = {name: source.text(name) for name in ("account_key", "sas_token", "connection_string")}
    if sum(map(bool, ways.values())) != 1:
        either = ", ".join(source.called(name) for name in ways)
        raise ConfigurationError(f"{source.called('account_key')} is missing, or not alone. Set one of {either}.")
    account = "" if ways["connection_string"] else needed(source, "account_name", "Azure needs it; set it.")
    return AzureConfig(container, account, prefix=prefix_of(source), **ways)
