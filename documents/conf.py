"""The vault's own configuration: read from the environment once, checked, frozen.

``vault.settings`` calls ``from_environment`` and keeps the result as ``settings.VAULT``. A missing or malformed value
raises ``ConfigurationError`` with one line that names the variable. Every variable is explained in ``.env.example``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import environ

from documents.errors import ConfigurationError

GIB = 1024**3
STORAGE_TYPES = ("local", "s3", "hcp")
LONGEST_SHOWN = 20
OBJECT_NAMES = ("opaque", "readable")
# AWS's own limit for one object (S3 user guide, "Multipart upload limits"); no store that we know takes more.
LARGEST_OBJECT = 5 * 1024 * GIB
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


@dataclass(frozen=True)
class KeySources:
    """Where the key ring's PEMs come from: a file's path, or the PEM itself out of the environment."""

    directory: Path
    primary_pem: str = field(default="", repr=False)
    recovery_pem: str = field(default="", repr=False)
    origin_pem: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)


@dataclass(frozen=True)
class VaultConfig:
    """Sizes are bytes. Hashable, so that what is built from it can be cached by it."""

    storage_type: str
    local_storage_path: Path
    s3: S3Config | None
    hcp: HcpConfig | None
    keys: KeySources
    max_upload_size: int
    object_names: str
    staged_lifetime: timedelta
    upload_lease: timedelta
    discard_grace: timedelta
    link_lifetime: timedelta
    link_max_lifetime: timedelta
    max_requests_per_client: int
    require_staff_mfa: bool
    signup_open: bool


def from_environment(env: environ.Env, base_dir: Path) -> VaultConfig:
    """Read and check every VAULT_*, STORAGE_TYPE, S3_*, HCP_* and LOCAL_STORAGE_PATH variable.

    Raises ConfigurationError naming the first variable that is missing or malformed.
    """
    storage_type = one_of(env, "STORAGE_TYPE", STORAGE_TYPES)
    link_lifetime = _duration(env, "VAULT_LINK_LIFETIME", timedelta(hours=24))
    link_max_lifetime = _duration(env, "VAULT_LINK_MAX_LIFETIME", timedelta(days=30))
    if link_lifetime > link_max_lifetime:
        raise ConfigurationError(
            f"VAULT_LINK_LIFETIME is {link_lifetime.total_seconds():.0f} s, longer than VAULT_LINK_MAX_LIFETIME "
            f"({link_max_lifetime.total_seconds():.0f} s). Lower the first or raise the second."
        )
    return VaultConfig(
        storage_type=storage_type,
        local_storage_path=_path(env, "LOCAL_STORAGE_PATH", base_dir / "var" / "storage", base_dir),
        s3=_s3(env) if storage_type == "s3" or text(env, "S3_BUCKET") else None,
        hcp=_hcp(env, needed=storage_type == "hcp"),
        keys=KeySources(
            directory=_path(env, "VAULT_KEYS_DIR", base_dir / "keys", base_dir),
            primary_pem=_pem(env, "VAULT_PRIMARY_KEK"),
            recovery_pem=_pem(env, "VAULT_RECOVERY_KEK"),
            origin_pem=_pem(env, "VAULT_ORIGIN_KEY"),
            passphrase=text(env, "VAULT_KEK_PASSPHRASE"),
        ),
        max_upload_size=_size(env, "VAULT_MAX_UPLOAD_SIZE", 10 * GIB),
        object_names=one_of(env, "VAULT_OBJECT_NAMES", OBJECT_NAMES),
        staged_lifetime=_duration(env, "VAULT_STAGED_LIFETIME", timedelta(hours=24)),
        upload_lease=_duration(env, "VAULT_UPLOAD_LEASE", timedelta(minutes=15)),
        discard_grace=_duration(env, "VAULT_DISCARD_GRACE", timedelta(hours=1)),
        link_lifetime=link_lifetime,
        link_max_lifetime=link_max_lifetime,
        max_requests_per_client=count(env, "VAULT_MAX_REQUESTS_PER_CLIENT", 200),
        require_staff_mfa=flag(env, "VAULT_REQUIRE_STAFF_MFA"),
        signup_open=flag(env, "VAULT_SIGNUP_OPEN"),
    )


def _s3(env: environ.Env) -> S3Config:
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


def _hcp(env: environ.Env, *, needed: bool) -> HcpConfig | None:
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


def text(env: environ.Env, name: str) -> str:
    """Return a variable, or what stands in the file that ``name``_FILE names; "" where neither is set."""
    try:
        # Not env.str: that takes a value with a dollar in front for the name of another variable.
        return str(env.ENVIRON.get(name, "")).strip()
    except OSError as error:
        raise ConfigurationError(f"{name}_FILE, {error.filename}, cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{name}_FILE is not text.") from error


def _pem(env: environ.Env, name: str) -> str:
    # An environment file holds a PEM on one line, its line ends written as \n.
    return text(env, name).replace("\\n", "\n")


def _path(env: environ.Env, name: str, default: Path, base_dir: Path) -> Path:
    return base_dir / (text(env, name) or default)


def one_of(env: environ.Env, name: str, choices: tuple[str, ...], *, fold: Callable[[str], str] = str) -> str:
    """Return one of ``choices``, the first where the variable is not set. ``fold`` is applied to what was written."""
    value = fold(text(env, name)) or choices[0]
    if value not in choices:
        raise ConfigurationError(f"{name} is {_shown(value)}. Set it to {' or '.join(choices)}.")
    return value


def flag(env: environ.Env, name: str, *, default: bool = False) -> bool:
    """Return true or false; what reads as neither is refused, since it would be taken for the unsafe one."""
    value = text(env, name).lower() or str(default).lower()
    if value not in ("true", "false", "1", "0", "yes", "no", "on", "off"):
        raise ConfigurationError(f"{name} is {_shown(value)}. Set it to true or false.")
    return value in ("true", "1", "yes", "on")


def _shown(value: str) -> str:
    """Enough to recognise a mistyped word; a file of secrets that was named by mistake stays untold."""
    return repr(value) if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]!r}…"


def _duration(env: environ.Env, name: str, default: timedelta) -> timedelta:
    seconds = _number(env, name, int(default.total_seconds()), "a whole number of seconds")
    return timedelta(seconds=_within(name, seconds, 1, 10 * 365 * 86400))


def _size(env: environ.Env, name: str, default: int) -> int:
    return _within(name, _number(env, name, default, "a whole number of bytes"), 1, LARGEST_OBJECT)


def count(env: environ.Env, name: str, default: int) -> int:
    """Return a whole number from 1 to a million."""
    return _within(name, _number(env, name, default, "a whole number"), 1, 1_000_000)


def _number(env: environ.Env, name: str, default: int, what: str) -> int:
    value = text(env, name) or str(default)
    try:
        return int(value)
    except ValueError as error:
        raise ConfigurationError(f"{name} is {_shown(value)}. Set it to {what}.") from error


def _within(name: str, value: int, lowest: int, highest: int) -> int:
    if not lowest <= value <= highest:
        raise ConfigurationError(f"{name} is {value}. Set it between {lowest} and {highest}.")
    return value
