"""What the unwrap service reads out of its own environment: where it listens, whom it answers, and how fast."""

import grp
import pwd
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import environ

from documents.conf.addresses import TlsAddress, UnixAddress, is_tls, unix_address
from documents.conf.keys import KeySources, keys_from
from documents.conf.reading import count, duration, flag, shown, text, within
from documents.conf.tls_files import tls_from
from documents.errors import ConfigurationError

TLS_FILES = ("VAULT_UNWRAP_CLIENT_CA", "VAULT_UNWRAP_CERTIFICATE", "VAULT_UNWRAP_CERTIFICATE_KEY")
# Each connection has a thread.
MOST_CONNECTIONS = 10_000


@dataclass(frozen=True)
class UnwrapServiceConfig:
    """``clients`` are the names in certificates, or ``users`` the user ids, that are answered; no others.

    Each of them may have ``rate`` unwraps a second, and ``burst`` at once after a while of silence. ``timeout`` is how
    long a frame may take to come, ``idle`` how long a connection may be silent between two. ``socket_group`` may reach
    the socket beside the service's own user, where it is set.
    """

    keys: KeySources
    address: UnixAddress | TlsAddress
    audit: Path
    audit_synced: bool
    socket_group: int | None
    users: frozenset[int]
    clients: frozenset[str]
    rate: int
    burst: int
    connections: int
    timeout: timedelta
    idle: timedelta


def unwrap_service_from(env: environ.Env, base_dir: Path, *, own_user: int) -> UnwrapServiceConfig:
    """Read the variables of the unwrap service. ``own_user`` is answered where no others are named.

    Raises ConfigurationError naming the first variable that is missing or malformed.
    """
    address = _address(env, base_dir)
    audit = text(env, "VAULT_UNWRAP_AUDIT")
    if not audit:
        raise ConfigurationError("VAULT_UNWRAP_AUDIT is missing. Name the file that every unwrap is written down in.")
    clients = frozenset(_listed(text(env, "VAULT_UNWRAP_CLIENTS")))
    if isinstance(address, TlsAddress) and not clients:
        raise ConfigurationError(
            "VAULT_UNWRAP_CLIENTS is missing. Name the clients that are answered, as their certificates do."
        )
    return UnwrapServiceConfig(
        keys=keys_from(env, base_dir),
        address=address,
        audit=base_dir / audit,
        audit_synced=flag(env, "VAULT_UNWRAP_AUDIT_SYNC"),
        socket_group=_group(text(env, "VAULT_UNWRAP_SOCKET_GROUP")),
        users=frozenset(_user(name) for name in _listed(text(env, "VAULT_UNWRAP_USERS"))) or frozenset([own_user]),
        clients=clients,
        rate=count(env, "VAULT_UNWRAP_RATE", 50),
        burst=count(env, "VAULT_UNWRAP_BURST", 1_000),
        connections=within("VAULT_UNWRAP_CONNECTIONS", count(env, "VAULT_UNWRAP_CONNECTIONS", 64), 1, MOST_CONNECTIONS),
        timeout=duration(env, "VAULT_UNWRAP_TIMEOUT", timedelta(seconds=5)),
        idle=duration(env, "VAULT_UNWRAP_IDLE", timedelta(minutes=5)),
    )


def _address(env: environ.Env, base_dir: Path) -> UnixAddress | TlsAddress:
    place = text(env, "VAULT_UNWRAP_LISTEN")
    if not is_tls(place):
        return unix_address("VAULT_UNWRAP_LISTEN", place, "or to tls://host:port")
    return tls_from(env, base_dir, "VAULT_UNWRAP_LISTEN", place, files=TLS_FILES)


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _user(name: str) -> int:
    """The id of a user, by number or by name."""
    if name.isascii() and name.isdigit():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError as error:
        raise ConfigurationError(
            f"VAULT_UNWRAP_USERS names {shown(name)}, and this machine has no such user."
        ) from error


def _group(name: str) -> int | None:
    """The id of a group, by number or by name; None for no name."""
    if not name or (name.isascii() and name.isdigit()):
        return int(name) if name else None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise ConfigurationError(
            f"VAULT_UNWRAP_SOCKET_GROUP is {shown(name)}, and this machine has no such group."
        ) from error
