"""Where objects may be kept: one frozen configuration for each kind of store."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import environ

from documents.conf.reading import text
from documents.errors import ConfigurationError

# HCP Tenant Management Help (MK-95HCPH002), "Bucket names" and names of tenants.
_HCP_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class S3Config:
    """One bucket of an S3-compatible store. ``endpoint_url`` is None for AWS itself."""

    access_key: str
    secret_key: str = field(repr=False)
    bucket: str = ""
    region: str = ""
    endpoint_url: str | None = None

    def storage_options(self) -> dict[str, str | None]:
        """Return the OPTIONS of the django-storages alias; ``storage.s3_client`` adds what a vault needs."""
        return {
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            # django-storages would take them from AWS_SESSION_TOKEN and AWS_S3_SESSION_PROFILE: somebody else's.
            "security_token": None,
            "session_profile": None,
            "bucket_name": self.bucket,
            "region_name": self.region,
            "endpoint_url": self.endpoint_url,
            # Compatible stores rarely have a name server entry for every bucket.
            "addressing_style": "path" if self.endpoint_url else "auto",
            "signature_version": "s3v4",
        }


@dataclass(frozen=True)
class HcpConfig:
    """One namespace of a tenant of Hitachi Content Platform, and an account that may administer it."""

    admin_url: str
    tenant: str
    namespace: str
    user: str
    password: str = field(repr=False)

    @property
    def endpoint_url(self) -> str:
        """Where the tenant's S3 compatible API answers: the host of ``admin_url``, its first label the tenant's."""
        parts = urlsplit(self.admin_url)
        _, _, domain = (parts.hostname or "").partition(".")
        return f"{parts.scheme}://{self.tenant}.{domain}"


def s3_from(env: environ.Env) -> S3Config:
    for name in ("S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET"):
        if not text(env, name):
            raise ConfigurationError(f"{name} is missing. A store on S3 needs it; set it in the environment or .env.")
    endpoint_url = text(env, "S3_ENDPOINT_URL") or None
    if endpoint_url and (urlsplit(endpoint_url).scheme not in ("http", "https") or not urlsplit(endpoint_url).netloc):
        raise ConfigurationError(f"S3_ENDPOINT_URL is {endpoint_url!r}. Write it as https://host or http://host:port.")
    region = text(env, "S3_REGION")
    if not region and not endpoint_url:
        raise ConfigurationError("S3_REGION is missing. AWS needs it, for example eu-central-1.")
    bucket = text(env, "S3_BUCKET")
    if not 3 <= len(bucket) <= 63 or any(not (c.isascii() and (c.isalnum() or c in ".-_")) for c in bucket):
        raise ConfigurationError(
            f"S3_BUCKET is {bucket!r}. A bucket name has 3 to 63 letters, digits, dots and dashes."
        )
    return S3Config(text(env, "S3_ACCESS_KEY"), text(env, "S3_SECRET_KEY"), bucket, region or "us-east-1", endpoint_url)


def hcp_from(env: environ.Env, *, needed: bool) -> HcpConfig | None:
    found = {
        "HCP_ADMIN_URL": text(env, "HCP_ADMIN_URL"),
        "HCP_TENANT": text(env, "HCP_TENANT"),
        "HCP_NAMESPACE": text(env, "HCP_NAMESPACE"),
        "HCP_USER": text(env, "HCP_USER"),
        "HCP_PASSWORD": text(env, "HCP_PASSWORD"),
    }
    if not needed and not any(found.values()):
        return None
    if missing := next((name for name, value in found.items() if not value), ""):
        raise ConfigurationError(f"{missing} is missing. HCP needs {', '.join(found)}; set all of them, or none.")
    admin_url = _hcp_admin_url(found["HCP_ADMIN_URL"])
    for name in ("HCP_TENANT", "HCP_NAMESPACE"):
        if not _HCP_NAME.fullmatch(found[name]):
            raise ConfigurationError(
                f"{name} is {found[name]!r}. Set it to 1 to 63 letters, digits and dashes, with no dash at an end."
            )
    return HcpConfig(admin_url, found["HCP_TENANT"], found["HCP_NAMESPACE"], found["HCP_USER"], found["HCP_PASSWORD"])


def _hcp_admin_url(url: str) -> str:
    """Return the address without its path. It may hold no credentials, so it can be shown in an error and in a log."""
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError as error:
        raise ConfigurationError("HCP_ADMIN_URL is no address. Write it as https://tenant.hcp-domain:9090.") from error
    if parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/") not in ("", "mapi"):
        raise ConfigurationError(
            "HCP_ADMIN_URL holds more than scheme, host and port. Write it as https://tenant.hcp-domain:9090."
        )
    # What is sent in every request is as good as the password.
    is_private = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not is_private or not parts.hostname:
        raise ConfigurationError(f"HCP_ADMIN_URL is {url!r}. Write it as https://tenant.hcp-domain:9090.")
    return f"{parts.scheme}://{parts.netloc}"
