"""``make run``: what stands in its way is said in one line, and a start that was interrupted goes on."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.crash.processes import ROOT
from tests.crash.supervised import UP, clean_environment, supervised
from tests.keyring import write_keys
from tests.services.processes import free_port


def run(directory: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "vault.run"],
        cwd=ROOT,
        env=clean_environment(directory, **{"PORT": str(free_port()), **environment}),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def nobody_listens_at() -> str:
    return f"postgresql://vault:a-password-canary@127.0.0.1:{free_port()}/vault"


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("database", "The database cannot be used"),
        ("passphrase", "primary.pem"),
        ("keys", "primary.pem"),
        ("storage", "LOCAL_STORAGE_PATH"),
        ("data", "cannot be used"),
    ],
)
def test_what_cannot_be_used_ends_the_start_with_one_line(tmp_path: Path, case: str, says: str) -> None:
    write_keys(tmp_path / "keys")
    (tmp_path / "a-file").touch()
    environment = {
        "database": {"DATABASE_URL": nobody_listens_at()},
        "passphrase": {"VAULT_KEK_PASSPHRASE": "not needed"},
        "keys": {},
        "storage": {"LOCAL_STORAGE_PATH": str(tmp_path / "a-file" / "storage")},
        "data": {"VAULT_DATA_DIR": str(tmp_path / "a-file" / "var")},
    }[case]
    if case == "keys":
        (tmp_path / "keys" / "primary.pem").write_text("-----BEGIN PUBLIC KEY-----\nspoilt\n")

    done = run(tmp_path, **environment)

    assert done.returncode == 1, done.stdout + done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("document-vault: "), line
    assert says in line
    assert "a-password-canary" not in line
    assert UP not in done.stdout


@pytest.mark.parametrize("seconds", [1.5, 4])
def test_a_start_that_was_killed_goes_on_at_the_next(tmp_path: Path, seconds: float) -> None:
    command, port = [sys.executable, "-m", "vault.run"], free_port()
    killed = subprocess.Popen(
        command, cwd=ROOT, env=clean_environment(tmp_path, PORT=str(port)), start_new_session=True
    )
    time.sleep(seconds)
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    with supervised(tmp_path) as vault:
        assert (tmp_path / "recovery" / "recovery.pem").exists()
        assert vault.send(signal.SIGTERM) == 0


def test_the_file_of_settings_says_the_port_and_a_proxy_is_not_asked(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / ".env").write_text(f"PORT={port}\nSECRET_KEY={'x' * 50}\nVAULT_HTTPS=true\nALLOWED_HOSTS=vault.test\n")
    write_keys(tmp_path / "keys")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environment = clean_environment(tmp_path, http_proxy=proxy)
        environment.pop("PORT", None)
        started = subprocess.Popen(
            [sys.executable, "-m", "vault.run"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        try:
            assert started.stdout is not None
            lines = iter(started.stdout.readline, "")
            assert f"{UP} http://localhost:{port}/" in next(line for line in lines if UP in line)
        finally:
            started.terminate()
            assert started.wait(40) == 0
            started.communicate()
