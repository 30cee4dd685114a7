"""The vault's own configuration: read from the environment once, checked, frozen.

``vault.settings`` calls ``from_environment`` and keeps the result as ``settings.VAULT``. A missing or malformed value
raises ``ConfigurationError`` with one line that names the variable. Every variable is explained in ``.env.example``.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import environ

from documents.conf.reading import GIB, count, duration, flag, one_of, path, pem, size, text
from documents.conf.stores import HcpConfig, S3Config, hcp_from, s3_from
from documents.errors import ConfigurationError

__all__ = ["HcpConfig", "KeySources", "S3Config", "VaultConfig", "from_environment"]

STORAGE_TYPES = ("local", "s3", "hcp")
OBJECT_NAMES = ("opaque", "readable")


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
    link_lifetime = duration(env, "VAULT_LINK_LIFETIME", timedelta(hours=24))
    link_max_lifetime = duration(env, "VAULT_LINK_MAX_LIFETIME", timedelta(days=30))
    if link_lifetime > link_max_lifetime:
        raise ConfigurationError(
            f"VAULT_LINK_LIFETIME is {link_lifetime.total_seconds():.0f} s, longer than VAULT_LINK_MAX_LIFETIME "
            f"({link_max_lifetime.total_seconds():.0f} s). Lower the first or raise the second."
        )
    return VaultConfig(
        storage_type=storage_type,
        local_storage_path=path(env, "LOCAL_STORAGE_PATH", base_dir / "var" / "storage", base_dir),
        s3=s3_from(env) if storage_type == "s3" or text(env, "S3_BUCKET") else None,
        hcp=hcp_from(env, needed=storage_type == "hcp"),
        keys=KeySources(
            directory=path(env, "VAULT_KEYS_DIR", base_dir / "keys", base_dir),
            primary_pem=pem(env, "VAULT_PRIMARY_KEK"),
            recovery_pem=pem(env, "VAULT_RECOVERY_KEK"),
            origin_pem=pem(env, "VAULT_ORIGIN_KEY"),
            passphrase=text(env, "VAULT_KEK_PASSPHRASE"),
        ),
        max_upload_size=size(env, "VAULT_MAX_UPLOAD_SIZE", 10 * GIB),
        object_names=one_of(env, "VAULT_OBJECT_NAMES", OBJECT_NAMES),
        staged_lifetime=duration(env, "VAULT_STAGED_LIFETIME", timedelta(hours=24)),
        upload_lease=duration(env, "VAULT_UPLOAD_LEASE", timedelta(minutes=15)),
        discard_grace=duration(env, "VAULT_DISCARD_GRACE", timedelta(hours=1)),
        link_lifetime=link_lifetime,
        link_max_lifetime=link_max_lifetime,
        max_requests_per_client=count(env, "VAULT_MAX_REQUESTS_PER_CLIENT", 200),
        require_staff_mfa=flag(env, "VAULT_REQUIRE_STAFF_MFA"),
        signup_open=flag(env, "VAULT_SIGNUP_OPEN"),
    )
