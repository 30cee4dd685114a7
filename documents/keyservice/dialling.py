"""A connection to an unwrap service."""

import socket
import ssl

from documents.conf.addresses import TlsAddress, UnixAddress


def dial(address: UnixAddress | TlsAddress, *, seconds: float) -> socket.socket:
    """Connect, over TLS 1.3 with a certificate on both sides where it is no socket of this machine.

    The caller closes it. The certificate's files are read anew, so that renewed ones are used. Raises TimeoutError,
    ssl.SSLError, OSError.
    """
    if isinstance(address, UnixAddress):
        return _unix(address, seconds)
    connection = socket.create_connection((address.host, address.port), timeout=seconds)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _context(address).wrap_socket(connection, server_hostname=address.host)
    except BaseException:
        connection.close()
        raise


def _unix(address: UnixAddress, seconds: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect(str(address.path))
    except BaseException:
        connection.close()
        raise
    return connection


def _context(address: TlsAddress) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and name
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(address.authority)
    context.load_cert_chain(address.certificate, address.key)
    return context
