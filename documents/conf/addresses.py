"""Addresses of an unwrap service: a socket in the file system, or a port with TLS on both sides."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import environ

from documents.conf.reading import shown, text
from documents.errors import ConfigurationError


@dataclass(frozen=True)
class UnixAddress:
    """A socket in the file system."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True)
class TlsAddress:
    """PEM files: ``authority`` signed the other side's certificate; ``certificate`` and ``key`` are one's own."""

    host: str
    port: int
    authority: Path
    certificate: Path
    key: Path

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tls://{host}:{self.port}"


def is_tls(place: str) -> bool:
    """Whether a setting names a place on the network, not a socket in the file system."""
    return place.startswith("tls://")


def tls_address(name: str, place: str, authority: Path, certificate: Path, key: Path) -> TlsAddress:
    """Return the address that ``place``, tls://host:port, says. Raises ConfigurationError naming the variable."""
    try:
        parts = urlsplit(place)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.path or parts.username:
        raise ConfigurationError(f"{name} is {shown(place)}. Write it as tls://host:port.")
    return TlsAddress(host, port, authority, certificate, key)


def unix_address(name: str, place: str, others: str) -> UnixAddress:
    """Return the address that ``place``, unix:/path, says. Raises ConfigurationError naming the variable."""
    path = Path(place.removeprefix("unix:"))
    if not place.startswith("unix:") or not path.is_absolute():
        raise ConfigurationError(f"{name} is {shown(place)}. Set it to unix:/path {others}.")
    return UnixAddress(path)


def file(env: environ.Env, name: str, base_dir: Path) -> Path:
    """Return the file that a variable names. Raises ConfigurationError where it names none."""
    named = text(env, name)
    if not named:
        raise ConfigurationError(f"{name} is missing. TLS with the key service needs that PEM file on both sides.")
    return base_dir / named
