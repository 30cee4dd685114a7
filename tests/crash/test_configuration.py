"""S3 by environment: a value that is missing or malformed ends every program, with one line that names it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.processes import ROOT
from tests.crash.supervised import clean_environment
from tests.services.processes import free_port

S3 = {
    "STORAGE_TYPE": "s3",
    "S3_ENDPOINT_URL": "http://127.0.0.1:9",
    "S3_ACCESS_KEY": "access",
    "S3_SECRET_KEY": "a-secret-that-is-never-printed",
    "S3_BUCKET": "vault",
    "SECRET_KEY": "x" * 50,
}
FAULTS = {
    "S3_ACCESS_KEY": "",
    "S3_SECRET_KEY": "",
    "S3_BUCKET": "",
    "S3_REGION": "",
    "S3_ENDPOINT_URL": "ftp://somewhere",
    "STORAGE_TYPE": "s4",
    "SECRET_KEY": "",
}
PROGRAMS = {
    "check": ["manage.py", "check"],
    "web server": ["-m", "vault.web_server"],
    "worker": ["-m", "celery", "--quiet", "--app", "vault", "worker", "--pool", "solo"],
    "schedule": ["-m", "celery", "--quiet", "--app", "vault", "beat"],
    "run": ["-m", "vault.run"],
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_check_stops_with_one_line_that_names_the_variable(tmp_path: Path, name: str) -> None:
    _assert_one_line(PROGRAMS["check"], tmp_path, name)


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_stops_with_one_line(tmp_path: Path, program: str) -> None:
    _assert_one_line(PROGRAMS[program], tmp_path, "S3_BUCKET")


def test_granian_by_itself_does_not_start_its_worker_for_ever(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "granian"), "vault.wsgi:application", "--interface", "wsgi"]
    done = _run([*command, "--respawn-failed-workers", "--port", str(free_port())], tmp_path, "S3_BUCKET")
    assert done.returncode != 0
    assert "S3_BUCKET is missing" in done.stderr
    assert "Traceback" not in done.stderr


def _assert_one_line(program: list[str], directory: Path, name: str) -> None:
    done = _run([sys.executable, *program], directory, name)
    assert done.returncode not in (0, None)
    [line] = done.stderr.splitlines()
    assert line.startswith(f"document-vault: {name} is "), line
    assert S3["S3_SECRET_KEY"] not in done.stderr + done.stdout


def _run(command: list[str], directory: Path, name: str) -> "subprocess.CompletedProcess[str]":
    faulty = {**S3, name: FAULTS[name]}
    if name == "S3_REGION":
        faulty["S3_ENDPOINT_URL"] = ""  # only AWS itself needs the region
    # An empty file of settings is there already: vault.run writes none.
    (directory / ".env").touch()
    environment = clean_environment(directory, PORT=str(free_port()), **faulty)
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90, check=False)
