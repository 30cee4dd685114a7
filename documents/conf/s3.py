"""A bucket of Amazon S3 or of any compatible store."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from documents.conf.reading import shown
from documents.conf.sources import Source, choice, needed, number, prefix_of
from documents.errors import ConfigurationError
from documents.storage.multipart import DEFAULT_PART_SIZE, MAX_PART_SIZE, MIN_PART_SIZE

FIELDS = frozenset(
    ("credentials", "access_key", "secret_key", "bucket", "region", "endpoint_url", "prefix", "part_size")
)
# keys: the two that are configured here. chain: whatever the machine has, found and refreshed by botocore in its order
# (boto3 documentation, "Credentials"): environment, web identity, shared files, container, instance metadata.
CREDENTIALS = ("keys", "chain")


@dataclass(frozen=True)
class S3Config:
    """One bucket. ``endpoint_url`` is None for AWS itself; without keys the machine's own credentials are used."""

    access_key: str
    secret_key: str = field(repr=False)
    bucket: str = ""
    region: str = ""
    endpoint_url: str | None = None
    prefix: str = ""
    part_size: int = DEFAULT_PART_SIZE

    backend = "storages.backends.s3.S3Storage"

    def storage_options(self) -> dict[str, str | None]:
        """Return the OPTIONS of the django-storages alias; ``storage.s3_client`` adds what a vault needs."""
        return {
            # None, not "": then the session looks for credentials itself.
            "access_key": self.access_key or None,
            "secret_key": self.secret_key or None,
            # django-storages would take them from AWS_SESSION_TOKEN and AWS_S3_SESSION_PROFILE: somebody else's.
            "security_token": None,
            "session_profile": None,
            "bucket_name": self.bucket,
            "region_name": self.region,
            "endpoint_url": self.endpoint_url,
            "location": self.prefix,
            # Compatible stores rarely have a name server entry for every bucket.
            "addressing_style": "path" if self.endpoint_url else "auto",
            "signature_version": "s3v4",
        }


def s3_from(source: Source) -> S3Config:
    """Raises ConfigurationError naming the first field that is missing or malformed."""
    reason = "A store on S3 needs it; set it."
    keys = ("", "")
    if choice(source, "credentials", CREDENTIALS) == "keys":
        keys = needed(source, "access_key", reason), needed(source, "secret_key", reason)
    elif source.text("access_key") or source.text("secret_key"):
        raise ConfigurationError(
            f"{source.called('credentials')} is 'chain', and {source.called('access_key')} or "
            f"{source.called('secret_key')} is set. Leave the keys out, or set it to keys."
        )
    bucket = needed(source, "bucket", reason)
    if not 3 <= len(bucket) <= 63 or any(not (c.isascii() and (c.isalnum() or c in ".-_")) for c in bucket):
        raise ConfigurationError(
            f"{source.called('bucket')} is {shown(bucket)}. A bucket name has 3 to 63 letters, digits, dots and dashes."
        )
    endpoint_url = _endpoint_url(source)
    region = source.text("region")
    if not region and not endpoint_url:
        raise ConfigurationError(f"{source.called('region')} is missing. AWS needs it, for example eu-central-1.")
    part_size = number(source, "part_size", DEFAULT_PART_SIZE, lowest=MIN_PART_SIZE, highest=MAX_PART_SIZE)
    return S3Config(*keys, bucket, region or "us-east-1", endpoint_url, prefix_of(source), part_size)


def _endpoint_url(source: Source) -> str | None:
    url = source.text("endpoint_url")
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.netloc or parts.username):
        # Whole: it is an address, and a mistyped one is seen best so. One with a password in it is not repeated.
        told = "an address with a password in it" if parts.username else repr(url)
        raise ConfigurationError(
            f"{source.called('endpoint_url')} is {told}. Write it as https://host or http://host:port."
        )
    return url or None
