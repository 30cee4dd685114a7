"""Where the unwrap service listens, and how it knows who asks."""

import os
import socket
import ssl
import stat
import struct
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.x509.oid import NameOID

from documents.conf.addresses import TlsAddress
from documents.conf.unwrap_service import UnwrapServiceConfig
from documents.errors import ConfigurationError
from documents.keyservice.answering import Peer

# struct ucred, unix(7): process id, user id, group id.
_UCRED = struct.Struct("3i")
_WAITING = 64  # connections that the kernel keeps until they are accepted


class PeerRefused(Exception):
    """Whoever connected is not among those who are answered. The message names him."""


class Listener(Protocol):
    """A socket that listens. ``admit`` is called in a thread of the connection's own: a slow peer delays nobody."""

    accepting: socket.socket

    def admit(self, connection: socket.socket) -> tuple[socket.socket, Peer]:
        """Return the connection to go on with, and who it is. Raises PeerRefused, OSError; closes nothing."""
        ...

    def close(self) -> None: ...


def listener(config: UnwrapServiceConfig) -> Listener:
    """Listen. Raises ConfigurationError where that cannot be."""
    return TlsListener(config, config.address) if isinstance(config.address, TlsAddress) else UnixListener(config)


class UnixListener:
    """A socket in the file system: its mode says who may connect, and the kernel who did."""

    def __init__(self, config: UnwrapServiceConfig) -> None:
        assert not isinstance(config.address, TlsAddress)  # noqa: S101  # listener() has looked
        self._path, self._users = config.address.path, config.users
        self.accepting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _remove_left_over(self._path)
            before = os.umask(0o177)  # until chmod nobody else may connect
            try:
                self.accepting.bind(str(self._path))
            finally:
                os.umask(before)
            self._path.chmod(config.socket_mode)
            self.accepting.listen(_WAITING)
        except OSError as error:
            self.accepting.close()
            raise ConfigurationError(f"VAULT_UNWRAP_LISTEN: {self._path} cannot be listened at: {error}.") from error

    def admit(self, connection: socket.socket) -> tuple[socket.socket, Peer]:
        """By the user id that the kernel noted when the peer connected (SO_PEERCRED)."""
        process, user, _group = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
        if user not in self._users:
            raise PeerRefused(f"uid:{user}")
        return connection, Peer(f"uid:{user}", process)

    def close(self) -> None:
        self.accepting.close()
        self._path.unlink(missing_ok=True)


def _remove_left_over(path: Path) -> None:
    """Remove the socket of a service that was killed. Raises OSError where one listens, or another file is there."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise OSError("another file is in its place")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(ConnectionRefusedError):
        probe.connect(str(path))
        raise OSError("another service listens there")
    path.unlink()


class TlsListener:
    """A port with TLS 1.3, for clients whose certificate the authority signed and whose name is allowed."""

    def __init__(self, config: UnwrapServiceConfig, address: TlsAddress) -> None:
        self._clients, self._seconds = config.clients, config.timeout.total_seconds()
        self._context = _context(address)
        try:
            self.accepting = socket.create_server((address.host, address.port), backlog=_WAITING)
        except OSError as error:
            raise ConfigurationError(f"VAULT_UNWRAP_LISTEN: {address} cannot be listened at: {error}.") from error

    def admit(self, connection: socket.socket) -> tuple[socket.socket, Peer]:
        """By a name in the certificate: a DNS name, or the common name."""
        connection.settimeout(self._seconds)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        secured = self._context.wrap_socket(connection, server_side=True)
        names = _names_in(secured)
        if not (allowed := sorted(names & self._clients)):
            secured.close()
            raise PeerRefused(f"certificate:{','.join(sorted(names))[:200]}")
        return secured, Peer(f"certificate:{allowed[0]}")

    def close(self) -> None:
        self.accepting.close()


def _context(address: TlsAddress) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(address.authority)
        context.load_cert_chain(address.certificate, address.key)
    except OSError as error:  # ssl.SSLError among them
        raise ConfigurationError(
            f"VAULT_UNWRAP_CLIENT_CA, VAULT_UNWRAP_CERTIFICATE or VAULT_UNWRAP_CERTIFICATE_KEY cannot be used: {error}."
        ) from error
    return context


def _names_in(connection: ssl.SSLSocket) -> frozenset[str]:
    encoded = connection.getpeercert(binary_form=True)
    if encoded is None:
        return frozenset()
    certificate = x509.load_der_x509_certificate(encoded)
    common = [str(part.value) for part in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    try:
        others = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset(common)
    return frozenset([*common, *others.get_values_for_type(x509.DNSName)])
