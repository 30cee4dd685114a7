"""Where the unwrap service listens, and how it knows who asks."""

import ipaddress
import socket
import ssl
import struct
from typing import Protocol

from cryptography import x509
from cryptography.x509.oid import NameOID

from documents.conf.addresses import TlsAddress, UnixAddress
from documents.conf.unwrap_service import UnwrapServiceConfig
from documents.errors import ConfigurationError
from documents.keyservice.answering import Peer
from documents.keyservice.socket_file import SocketFile

# struct ucred, unix(7): process id, user id, group id.
_UCRED = struct.Struct("3i")
_WAITING = 1_024  # connections that the kernel keeps until they are accepted; beyond them it refuses at once
_NETWORK_OF_ONE = 64  # bits of an IPv6 address that say whose it is: the rest its owner may choose, RFC 6177


class PeerRefused(Exception):
    """Whoever connected is not among those who are answered. The message names him."""


class Listener(Protocol):
    """A socket that listens. ``admit`` is called in a thread of the connection's own: a slow peer delays nobody."""

    accepting: socket.socket

    def accept(self) -> tuple[socket.socket, str]:
        """Return the next connection, and where it comes from. Nothing was read from it. Raises OSError."""
        ...

    def admit(self, connection: socket.socket) -> Peer:
        """Return who it is. Raises PeerRefused, OSError; closes nothing."""
        ...

    def close(self) -> None: ...


def listener(config: UnwrapServiceConfig) -> Listener:
    """Listen. Raises ConfigurationError where that cannot be."""
    address = config.address
    return TlsListener(config, address) if isinstance(address, TlsAddress) else UnixListener(config, address)


class UnixListener:
    """A socket in the file system: its mode says who may connect, and the kernel who did."""

    def __init__(self, config: UnwrapServiceConfig, address: UnixAddress) -> None:
        self._users = config.users
        try:
            self._file = SocketFile(address.path, group=config.socket_group)
        except FileNotFoundError as error:
            raise ConfigurationError(
                f"VAULT_UNWRAP_LISTEN: there is no directory {address.path.parent}. Make it; the vault's user must be "
                "able to enter it."
            ) from error
        except OSError as error:
            raise ConfigurationError(f"VAULT_UNWRAP_LISTEN: {address.path} cannot be listened at: {error}.") from error
        self.accepting = self._file.socket
        self.accepting.listen(_WAITING)

    def accept(self) -> tuple[socket.socket, str]:
        connection, _address = self.accepting.accept()
        return connection, f"uid:{_credentials(connection)[1]}"

    def admit(self, connection: socket.socket) -> Peer:
        """By the user id that the kernel noted when the peer connected (SO_PEERCRED)."""
        process, user = _credentials(connection)
        if user not in self._users:
            raise PeerRefused(f"uid:{user}")
        return Peer(f"uid:{user}", process)

    def close(self) -> None:
        self._file.close()


def _credentials(connection: socket.socket) -> tuple[int, int]:
    """The ids of the peer's process and user."""
    process, user, _group = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return process, user


class TlsListener:
    """A port with TLS 1.3, for clients whose certificate the authority signed and whose name is allowed."""

    def __init__(self, config: UnwrapServiceConfig, address: TlsAddress) -> None:
        self._clients, self._seconds = config.clients, config.timeout.total_seconds()
        self._context = _context(address)
        try:
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            family, place = found[0][0], found[0][4]
            self.accepting = socket.create_server((str(place[0]), address.port), family=family, backlog=_WAITING)
        except UnicodeError as error:  # a label of it is empty, or longer than 63 characters (RFC 1035 §2.3.4)
            raise ConfigurationError(
                f"VAULT_UNWRAP_LISTEN: {address} cannot be listened at: no host has such a name."
            ) from error
        except OSError as error:
            raise ConfigurationError(f"VAULT_UNWRAP_LISTEN: {address} cannot be listened at: {error}.") from error

    def accept(self) -> tuple[socket.socket, str]:
        """The handshake is still to come: ``admit`` waits for it."""
        connection, address = self.accepting.accept()
        try:
            connection.settimeout(self._seconds)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            secured = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        except BaseException:
            connection.close()
            raise
        return secured, _source(str(address[0]))

    def admit(self, connection: socket.socket) -> Peer:
        """By a name in the certificate: the DNS names of its subjectAltName; its common name where it has none."""
        if not isinstance(connection, ssl.SSLSocket):
            raise TypeError("this connection was not accepted here")
        connection.do_handshake()
        names = _names_in(connection)
        if not (allowed := sorted(names & self._clients)):
            raise PeerRefused(f"certificate:{','.join(sorted(names))[:200]}")
        return Peer(f"certificate:{allowed[0]}")

    def close(self) -> None:
        self.accepting.close()


def _source(address: str) -> str:
    """Whose address it is: of IPv6 the network."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, _NETWORK_OF_ONE), strict=False))


def _context(address: TlsAddress) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.num_tickets = 0  # no session is resumed: each connection shows its certificate
    try:
        context.load_verify_locations(address.authority)
        context.load_cert_chain(address.certificate, address.key)
    except OSError as error:  # ssl.SSLError among them
        raise ConfigurationError(
            f"VAULT_UNWRAP_CLIENT_CA, VAULT_UNWRAP_CERTIFICATE or VAULT_UNWRAP_CERTIFICATE_KEY cannot be used: {error}."
        ) from error
    return context


def _names_in(connection: ssl.SSLSocket) -> frozenset[str]:
    """RFC 6125 §6.4.4: the common name counts where there is no subjectAltName, and only there."""
    encoded = connection.getpeercert(binary_form=True)
    if encoded is None:
        return frozenset()
    certificate = x509.load_der_x509_certificate(encoded)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return frozenset(str(part.value) for part in common)
    return frozenset(names.get_values_for_type(x509.DNSName))
