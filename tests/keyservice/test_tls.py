"""The unwrap service over TLS 1.3, with certificates on both sides."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from documents.conf.addresses import TlsAddress
from documents.encryption.derivation import fits_commitment
from documents.errors import KeyServiceUnavailable
from documents.keyservice import wire
from documents.keyservice.client import UnwrapClient
from documents.keyservice.dialling import dial
from documents.keyservice.wire import Frame
from tests.keyservice.certificates import Authority
from tests.keyservice.envelopes import request_for
from tests.keyservice.serving import TIMEOUT, Service, comes_true, tls_service
from tests.services.processes import HOST


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(directory: Path) -> Authority:
    return Authority(directory)


@pytest.fixture(scope="module")
def service(directory: Path, authority: Authority) -> Iterator[Service]:
    with tls_service(directory, authority, VAULT_UNWRAP_TIMEOUT="2") as found:
        yield found


def asked_as(address: TlsAddress) -> frozenset[bytes]:
    """What a client that connects so is told."""
    with closing(UnwrapClient(address, timeout=TIMEOUT)) as client:
        return client.kek_ids()


def test_a_client_that_is_known_has_deks_unwrapped(service: Service) -> None:
    request = request_for()

    dek = service.client().open_dek(request.kek_id, request.wrapped, request.context)

    assert fits_commitment(dek, request.context)
    assert {(line["peer"], line["process"]) for line in service.lines()} == {("certificate:web", None)}


def test_a_client_is_known_by_a_dns_name_as_well(service: Service, authority: Authority) -> None:
    address = service.address
    assert isinstance(address, TlsAddress)
    certificate, key = authority.sign("someone", dns=("worker.example.org",))

    assert asked_as(replace(address, certificate=certificate, key=key))


def test_a_common_name_does_not_count_beside_other_names(service: Service, authority: Authority) -> None:
    assert isinstance(service.address, TlsAddress)
    for (certificate, key), name in (
        (authority.sign("web", dns=("someone.example.org",), file="named-otherwise"), "someone.example.org"),
        (authority.sign("web", address="10.0.0.1", file="not-named"), ""),
    ):
        with pytest.raises(KeyServiceUnavailable):
            asked_as(replace(service.address, certificate=certificate, key=key))
        # Of several that are refused within a second the last is named: the next one comes when this one was.
        told = f'"peer": "certificate:{name}"'
        assert comes_true(lambda told=told: told in service.log.read_text())  # type: ignore[misc]
    certificate, key = authority.sign("web", file="plain")
    assert asked_as(replace(service.address, certificate=certificate, key=key)), "alone it counts"


def test_no_session_is_given_out_that_another_connection_could_go_on_with(service: Service) -> None:
    assert isinstance(service.address, TlsAddress)
    with closing(dial(service.address, seconds=20)) as connection:
        assert isinstance(connection, ssl.SSLSocket)
        wire.send(connection, Frame(wire.KEKS), seconds=20)
        assert wire.receive(connection, largest=1_000, seconds=20)  # tickets come before the first answer
        assert connection.session is None or not connection.session.has_ticket


def test_it_listens_at_an_address_of_ipv6(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with tls_service(tmp_path, authority, host="::1") as service:
        assert str(service.address).startswith("tls://[::1]:")
        assert service.client().kek_ids()


def test_a_client_that_is_not_named_is_not_answered(service: Service, authority: Authority) -> None:
    assert isinstance(service.address, TlsAddress)
    certificate, key = authority.sign("intruder")

    with pytest.raises(KeyServiceUnavailable):
        asked_as(replace(service.address, certificate=certificate, key=key))
    assert comes_true(lambda: '"peer": "certificate:intruder"' in service.log.read_text())


def test_a_certificate_of_another_authority_is_not_accepted(service: Service, tmp_path: Path) -> None:
    assert isinstance(service.address, TlsAddress)
    certificate, key = Authority(tmp_path).sign("web")

    with pytest.raises(KeyServiceUnavailable):
        asked_as(replace(service.address, certificate=certificate, key=key))


def test_a_client_without_a_certificate_is_not_answered(service: Service, authority: Authority) -> None:
    assert isinstance(service.address, TlsAddress)
    context = ssl.create_default_context(cafile=str(authority.file))
    with (
        socket.create_connection((HOST, service.address.port), timeout=20) as connection,
        context.wrap_socket(connection, server_hostname=HOST) as secured,
        pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"),
    ):
        secured.recv(1)


def test_an_older_tls_is_not_spoken(service: Service, authority: Authority) -> None:
    assert isinstance(service.address, TlsAddress)
    context = ssl.create_default_context(cafile=str(authority.file))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(service.address.certificate, service.address.key)
    with (
        socket.create_connection((HOST, service.address.port), timeout=20) as connection,
        pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"),
    ):
        context.wrap_socket(connection, server_hostname=HOST)


def test_a_service_that_cannot_show_who_it_is_is_told_nothing(service: Service, tmp_path: Path) -> None:
    assert isinstance(service.address, TlsAddress)
    with pytest.raises(KeyServiceUnavailable, match="do not agree on TLS"):
        asked_as(replace(service.address, authority=Authority(tmp_path).file))
    with pytest.raises(KeyServiceUnavailable, match="do not agree on TLS"):
        asked_as(replace(service.address, host="localhost"))  # another name than in its certificate


def test_a_handshake_that_never_comes_is_given_up_and_delays_nobody(service: Service) -> None:
    assert isinstance(service.address, TlsAddress)
    with socket.create_connection((HOST, service.address.port), timeout=20) as silent:
        began = time.monotonic()
        assert service.client().kek_ids()
        assert silent.recv(1) == b""
        assert time.monotonic() - began < 20


def test_files_that_are_not_there_are_named(service: Service, tmp_path: Path) -> None:
    assert isinstance(service.address, TlsAddress)
    with pytest.raises(KeyServiceUnavailable, match="No such file"):
        asked_as(replace(service.address, certificate=tmp_path / "none.pem"))


def test_a_time_out_is_a_clear_answer() -> None:
    with socket.create_server((HOST, 0)) as silent:
        address = TlsAddress(HOST, silent.getsockname()[1], Path("/none"), Path("/none"), Path("/none"))
        with pytest.raises(KeyServiceUnavailable, match="cannot be reached"):
            UnwrapClient(address, timeout=timedelta(seconds=1)).kek_ids()
