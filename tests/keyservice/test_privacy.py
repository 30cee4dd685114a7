"""The process that holds the private keys: nobody reads its memory, and only the right users are answered."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from documents.conf.addresses import UnixAddress
from documents.errors import KeyServiceUnavailable
from documents.keyservice.client import UnwrapClient
from tests.keyring import write_keys
from tests.keyservice.serving import ROOT, TIMEOUT, unwrap_service
from tests.services.processes import running, state_directory, wait_until

IS_ROOT = os.geteuid() == 0
# A user that is not root, who yet may enter the directories that Python is in. Without root it is oneself.
OTHER, GROUP = (65534, 65534) if IS_ROOT else (os.getuid(), os.getgid())
CAPABILITIES = "-all,+dac_read_search"
AS_OTHER = [
    *("setpriv", "--reuid", str(OTHER), "--regid", str(GROUP), "--clear-groups", "--pdeathsig", "KILL"),
    *("--bounding-set", CAPABILITIES, "--inh-caps", CAPABILITIES, "--ambient-caps", CAPABILITIES, "--"),
]
WRAPPER = AS_OTHER if IS_ROOT else []


def environment_of(pid: int) -> "subprocess.CompletedProcess[str]":
    """What another process of that user finds in the memory of this one."""
    command = [*WRAPPER, "cat", f"/proc/{pid}/environ"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_another_process_of_its_user_cannot_read_its_memory_and_no_core_is_dumped() -> None:
    with state_directory("unwrap") as directory:
        write_keys(directory / "keys")
        for path in (directory, *directory.rglob("*")):
            os.chown(path, OTHER, GROUP)
        with unwrap_service(directory, wrapper=WRAPPER) as service:
            found = environment_of(service.process.pid)
            limits = Path(f"/proc/{service.process.pid}/limits").read_text()

    assert found.returncode != 0
    assert "Permission denied" in found.stderr
    assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size")] == [["0", "0"]]


def test_it_could_read_that_of_any_other_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [*WRAPPER, sys.executable, "-c", "import time; print('there', flush=True); time.sleep(600)"]
    with running(command, log=log, environment={"CANARY": "sings"}) as process:
        wait_until(lambda: b"there" in log.read_bytes(), process, log=log)
        assert "CANARY=sings" in environment_of(process.pid).stdout


@pytest.mark.parametrize("command", ["serve", "create-kek"])
def test_where_memory_cannot_be_kept_private_nothing_is_done(tmp_path: Path, command: str) -> None:
    program = (
        "import ctypes, sys\n"
        "class Refusing(ctypes.CDLL):\n"
        "    def prctl(self, *_arguments): return -1\n"
        "ctypes.CDLL = Refusing\n"
        "from documents.keyservice.__main__ import main\n"
        f"sys.exit(main([{command!r}]))\n"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "VAULT_KEYS_DIR": str(tmp_path / "keys")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "PR_SET_DUMPABLE is refused" in done.stderr
    assert not (tmp_path / "keys").exists()


def in_a_process_of_the_other(do: Callable[[], str]) -> str:
    """What comes out of it there."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if IS_ROOT:
                os.setgroups([])
                os.setgid(GROUP)
                os.setuid(OTHER)
            os.write(writing, do().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        said = file.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.parametrize(("users", "said"), [(f"{OTHER}", "1 KEK"), (f"{OTHER + 1}", "may not know this peer")])
def test_another_user_is_answered_where_it_is_named(users: str, said: str) -> None:
    with (
        state_directory("unwrap") as directory,
        unwrap_service(directory, VAULT_UNWRAP_USERS=users, VAULT_UNWRAP_SOCKET_GROUP=str(GROUP)) as service,
    ):
        assert isinstance(service.address, UnixAddress)
        client = UnwrapClient(service.address, timeout=TIMEOUT)

        def ask() -> str:
            with closing(client):
                try:
                    return f"{os.getuid() == OTHER and len(client.kek_ids())} KEK"
                except KeyServiceUnavailable as error:
                    return str(error)

        assert said in in_a_process_of_the_other(ask)
        assert (f'"peer": "uid:{OTHER}"' in service.log.read_text()) == ("peer" in said)


def test_who_is_not_in_its_group_cannot_connect() -> None:
    with state_directory("unwrap") as directory, unwrap_service(directory, VAULT_UNWRAP_USERS=str(OTHER)) as service:
        assert isinstance(service.address, UnixAddress)
        path = service.address.path
        assert path.stat().st_mode & 0o777 == 0o600
        allowed = in_a_process_of_the_other(lambda: str(os.access(path, os.W_OK)))
        assert allowed == str(not IS_ROOT)
