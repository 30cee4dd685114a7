"""The unwrap service as a process of its own, and a vault with public keys alone that asks it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from documents.conf import KeySources
from documents.conf.addresses import TlsAddress, UnixAddress
from documents.conf.key_service import UnwrapServiceAt
from documents.keyservice.client import UnwrapClient
from documents.keyservice.dialling import dial
from documents.keyservice.wire import Frame, receive, send
from tests.keyring import write_keys
from tests.keyservice.certificates import Authority
from tests.services.processes import HOST, free_port, running, wait_until

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = timedelta(seconds=20)  # the machine may be busy


@dataclass
class Service:
    """The unwrap service. ``directory`` has its keys, its log and its audit file."""

    directory: Path
    process: "subprocess.Popen[bytes]"
    address: UnixAddress | TlsAddress
    audit: Path
    log: Path
    clients: list[UnwrapClient] = field(default_factory=list)

    def at(self, timeout: timedelta = TIMEOUT) -> UnwrapServiceAt:
        return UnwrapServiceAt(self.address, timeout)

    def client(self, timeout: timedelta = TIMEOUT) -> UnwrapClient:
        self.clients.append(UnwrapClient(self.address, timeout=timeout))
        return self.clients[-1]

    def lines(self) -> list[dict[str, Any]]:
        """What the audit file says."""
        return [json.loads(line) for line in self.audit.read_text().splitlines()]

    def outcomes(self) -> list[str]:
        return [line["outcome"] for line in self.lines()]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def ask(self, frame: Frame) -> Frame | None:
        """One request on a connection of its own."""
        with closing(dial(self.address, seconds=30)) as connection:
            send(connection, frame, seconds=30)
            return receive(connection, largest=100_000, seconds=30)


@contextmanager
def unwrap_service(directory: Path, *, wrapper: Sequence[str] = (), **variables: str) -> Iterator[Service]:
    """The service, with the private half of the primary KEK unless ``variables`` say otherwise, on a socket."""
    directory.mkdir(exist_ok=True)
    if not (directory / "keys").exists():
        write_keys(directory / "keys")
    address = UnixAddress(directory / "unwrap.socket")
    environment = {
        "VAULT_KEYS_DIR": str(directory / "keys"),
        "VAULT_UNWRAP_LISTEN": str(address),
        "VAULT_UNWRAP_AUDIT": str(directory / "audit.jsonl"),
        **variables,
    }
    with started(directory, environment, address, wrapper=wrapper) as service:
        yield service


@contextmanager
def tls_service(directory: Path, authority: Authority, *, host: str = HOST, **variables: str) -> Iterator[Service]:
    """The service over TLS, for the clients "web" and "worker.example.org"; ``address`` is as "web" needs it."""
    certificate, key = authority.sign("service", address=host)
    address = TlsAddress(host, free_port(), authority.file, *authority.sign("web"))
    environment = {
        "VAULT_KEYS_DIR": str(write_keys(directory / "keys")),
        "VAULT_UNWRAP_LISTEN": str(address),
        "VAULT_UNWRAP_AUDIT": str(directory / "audit.jsonl"),
        "VAULT_UNWRAP_CLIENT_CA": str(authority.file),
        "VAULT_UNWRAP_CERTIFICATE": str(certificate),
        "VAULT_UNWRAP_CERTIFICATE_KEY": str(key),
        "VAULT_UNWRAP_CLIENTS": "web, worker.example.org",
        **variables,
    }
    with started(directory, environment, address) as service:
        yield service


@contextmanager
def started(
    directory: Path,
    environment: dict[str, str],
    address: UnixAddress | TlsAddress,
    *,
    wrapper: Sequence[str] = (),
) -> Iterator[Service]:
    """The service, with ``wrapper`` before its command."""
    log = directory / "service.log"
    log.write_bytes(b"")  # whether it listens is read there
    command = [*wrapper, sys.executable, "-m", "documents.keyservice"]
    # From the project, so that the module is found; nothing of a developer's environment.
    clean = {name: "" for name in os.environ if name.startswith("VAULT_")}
    with running(command, log=log, environment={**clean, "PYTHONPATH": str(ROOT), **environment}) as process:
        service = Service(directory, process, address, Path(environment["VAULT_UNWRAP_AUDIT"]), log)
        try:
            wait_until(lambda: b'"listening"' in log.read_bytes(), process, log=log)
            yield service
        finally:
            for client in service.clients:
                client.close()


def comes_true(fact: Callable[[], bool]) -> bool:
    """Look again and again. Returns whether it came true in time."""
    deadline = time.monotonic() + 20
    while not (is_true := fact()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_true


def public_sources(directory: Path, service: Service | None, **changes: Any) -> KeySources:
    """The keys of a vault that has public halves alone, and the origin key."""
    return KeySources(write_keys(directory, seal_only=True, **changes), service=service.at() if service else None)
