"""The unwrap service comes, goes, hangs, is started wrongly, and gets other keys."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from documents.encryption.derivation import fits_commitment
from documents.encryption.keyring import RSA_OAEP_ML_KEM, load_kek
from documents.encryption.vectors.keys import pem_of
from documents.errors import KeyServiceUnavailable
from documents.key_rings import key_ring
from documents.keyservice.attached import key_service
from documents.keyservice.client import UnwrapClient
from documents.keyservice.pausing import Pausing
from documents.wiring import vault_config
from tests.encryption.keys import KEKS
from tests.keyring import write_keys
from tests.keyservice.certificates import Authority
from tests.keyservice.envelopes import request_for
from tests.keyservice.serving import ROOT, Service, comes_true, unwrap_service


def unwraps(client: UnwrapClient) -> bool:
    request = request_for()
    return fits_commitment(client.open_dek(request.kek_id, request.wrapped, request.context), request.context)


def test_a_service_that_was_killed_and_started_again_is_found_again(tmp_path: Path) -> None:
    with unwrap_service(tmp_path) as first:
        client = first.client()
        assert unwraps(client)
        first.kill()
        with pytest.raises(KeyServiceUnavailable, match="Connection refused"):
            client.kek_ids()
        with unwrap_service(tmp_path):
            assert unwraps(client), "the socket that the killed one left is no obstacle"
        with unwrap_service(tmp_path):
            assert unwraps(client), "a connection that was kept is made anew"


def test_killed_in_the_middle_it_leaves_no_wrong_dek(tmp_path: Path) -> None:
    with unwrap_service(tmp_path, VAULT_UNWRAP_BURST="1000000") as service:
        client, requests = service.client(), [request_for() for _ in range(20)]
        begun = threading.Event()

        def unwrap_until_it_dies(at: int) -> tuple[int, int]:
            right = 0
            for number in range(100_000):
                request = requests[(at + number) % len(requests)]
                try:
                    dek = client.open_dek(request.kek_id, request.wrapped, request.context)
                except KeyServiceUnavailable:
                    return right, number
                right += fits_commitment(dek, request.context)
                begun.set()
            raise AssertionError("it was not killed")

        with ThreadPoolExecutor(4) as threads:
            work = [threads.submit(unwrap_until_it_dies, at) for at in range(4)]
            assert begun.wait(20)
            service.kill()
            found = [one.result(60) for one in work]

    assert all(right == asked for right, asked in found), "every answer there was is right"


def test_a_service_that_hangs_is_waited_for_once(tmp_path: Path) -> None:
    with unwrap_service(tmp_path) as service:
        timeout = timedelta(seconds=1)
        client = Pausing(service.client(timeout), timeout=timeout)
        assert client.kek_ids()
        service.process.send_signal(signal.SIGSTOP)
        # Its threads go on until each of them was stopped: only then nothing answers.
        os.waitid(os.P_PID, service.process.pid, os.WSTOPPED | os.WNOWAIT)
        try:
            with pytest.raises(KeyServiceUnavailable, match="did not answer within 1 s"):
                client.kek_ids()
            for _ in range(3):
                with pytest.raises(KeyServiceUnavailable, match="a moment ago"):
                    client.kek_ids()
        finally:
            service.process.send_signal(signal.SIGCONT)
        assert unwraps(service.client())


def test_many_threads_share_few_connections(tmp_path: Path) -> None:
    with unwrap_service(tmp_path, VAULT_UNWRAP_CONNECTIONS="8") as service, ThreadPoolExecutor(32) as threads:
        client = service.client()
        assert all(threads.map(lambda _: unwraps(client), range(64)))


def test_a_child_that_was_forked_makes_connections_of_its_own(tier: Service) -> None:
    config = vault_config().keys.service
    assert config
    assert key_ring().can_open
    assert key_service(config) is key_service(config)
    child = os.fork()
    if child == 0:
        opener, request = key_ring().primary.opener, request_for()
        dek = opener.open_dek(request.wrapped, request.context) if opener else b""
        os._exit(0 if fits_commitment(dek, request.context) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert {line["process"] for line in tier.lines()} == {child}


def test_a_key_that_is_put_there_is_opened_with_soon_and_one_that_is_taken_away_no_more(tmp_path: Path) -> None:
    with unwrap_service(tmp_path) as service:
        client = service.client()
        added = write_keys(tmp_path / "keys", older="stranger") / "older" / "stranger.pem"
        stranger = KEKS["stranger"].kek_id
        assert comes_true(lambda: stranger in client.kek_ids())
        added.unlink()
        assert comes_true(lambda: stranger not in client.kek_ids())


def test_an_audit_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    with unwrap_service(tmp_path) as service:
        assert unwraps(service.client())
        service.audit.rename(tmp_path / "audit.old")
        service.process.send_signal(signal.SIGHUP)
        assert comes_true(service.audit.exists)
        assert unwraps(service.client())
        assert service.outcomes() == ["asked", "given"]


def run_service(directory: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "VAULT_KEYS_DIR": str(directory / "keys"),
        "VAULT_UNWRAP_LISTEN": f"unix:{directory}/socket",
        "VAULT_UNWRAP_AUDIT": str(directory / "audit"),
        **variables,
    }
    command = [sys.executable, "-m", "documents.keyservice", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


WRONG = {
    "nowhere to listen": ({"VAULT_UNWRAP_LISTEN": ""}, "VAULT_UNWRAP_LISTEN"),
    "nothing to write down": ({"VAULT_UNWRAP_AUDIT": ""}, "VAULT_UNWRAP_AUDIT"),
    "an audit file in no directory": ({"VAULT_UNWRAP_AUDIT": "/none/audit"}, "/none/audit"),
    "no keys": ({"VAULT_KEYS_DIR": "/none"}, "no private key"),
    "a wrong passphrase": ({"VAULT_KEK_PASSPHRASE": "canary"}, "primary.pem"),
    "a file in place of the socket": ({"VAULT_UNWRAP_LISTEN": "unix:{keys}/origin.pem"}, "another file"),
    "a directory that is not there": ({"VAULT_UNWRAP_LISTEN": "unix:{keys}/run/socket"}, "there is no directory"),
    "no client that may ask": ({"VAULT_UNWRAP_LISTEN": "tls://127.0.0.1:1"}, "VAULT_UNWRAP_CLIENT_CA"),
    "an unknown user": ({"VAULT_UNWRAP_USERS": "nobody-of-that-name"}, "VAULT_UNWRAP_USERS"),
}


@pytest.mark.parametrize(("variables", "named"), WRONG.values(), ids=WRONG)
def test_a_start_that_cannot_be_says_why_in_one_line(tmp_path: Path, variables: dict[str, str], named: str) -> None:
    keys = write_keys(tmp_path / "keys")

    done = run_service(tmp_path, **{name: value.format(keys=keys) for name, value in variables.items()})

    assert done.returncode == 1
    assert named in done.stderr
    assert (done.stderr.count("\n"), "canary" in done.stderr, done.stdout) == (1, False, "")


@pytest.mark.parametrize("host", ["a..b", f"{'x' * 64}.example.org"])
def test_a_host_that_can_have_no_such_name_is_told_in_one_line(tmp_path: Path, host: str) -> None:
    write_keys(tmp_path / "keys")
    authority = Authority(tmp_path)
    certificate, key = authority.sign("service")

    done = run_service(
        tmp_path,
        VAULT_UNWRAP_LISTEN=f"tls://{host}:4433",
        VAULT_UNWRAP_CLIENT_CA=str(authority.file),
        VAULT_UNWRAP_CERTIFICATE=str(certificate),
        VAULT_UNWRAP_CERTIFICATE_KEY=str(key),
        VAULT_UNWRAP_CLIENTS="web",
    )

    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert f"VAULT_UNWRAP_LISTEN: tls://{host}:4433 cannot be listened at: no host has such a name." in done.stderr


def test_a_second_service_does_not_take_the_first_ones_place(tmp_path: Path) -> None:
    with unwrap_service(tmp_path) as service:
        done = run_service(tmp_path, VAULT_UNWRAP_LISTEN=str(service.address))
        assert (done.returncode, "another service listens there" in done.stderr) == (1, True)
        assert unwraps(service.client())


def test_a_hybrid_kek_is_made_where_it_is_asked_for(tmp_path: Path) -> None:
    done = run_service(tmp_path, "create-kek", "--wrap", "rsa-oaep-ml-kem-768")

    assert load_kek(done.stdout.encode()).stanza_type == RSA_OAEP_ML_KEM
    assert "NOT encrypted" in done.stderr


def test_a_kek_is_not_made_outside_the_services_environment(tmp_path: Path) -> None:
    done = run_service(tmp_path, "create-kek", VAULT_KEYS_DIR="")

    assert (done.returncode, done.stdout) == (1, "")
    assert "VAULT_KEYS_DIR is missing" in done.stderr


def test_a_kek_is_made_where_it_stays_and_its_public_half_printed(tmp_path: Path) -> None:
    done = run_service(tmp_path, "create-kek", VAULT_KEK_PASSPHRASE="a passphrase")

    assert done.returncode == 0, done.stderr
    public = load_kek(done.stdout.encode())
    [file] = (tmp_path / "keys" / "older").iterdir()
    assert public.opener is None
    assert load_kek(file.read_bytes(), passphrase=b"a passphrase").kek_id == public.kek_id
    assert file.stat().st_mode & 0o777 == 0o600
    assert f"{file}, encrypted" in done.stderr
    assert "PRIVATE" not in done.stdout + done.stderr
    assert pem_of("primary").decode() not in done.stdout
