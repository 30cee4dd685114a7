"""Commands whose database does not answer, or has no tables yet: one line that says so, and nothing was made."""

import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import NoReturn

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from documents.conf import KeySources
from documents.models import KekRecord
from tests.adopting.older import adopt
from tests.documents.test_command_line import Closed
from tests.keyring import write_keys
from tests.keyservice.serving import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

SAID = "connection failed: postgres://vault:[redacted]@db/vault"
COMMANDS = {
    "create_kek": [],
    "list_keks": [],
    "rotate_keys": ["--inline"],
    "retire_kek": ["00"],
    "destroy_kek": ["00", "--no-input"],
    "reseal_documents": ["--kek", "00"],
    "verify_documents": ["--inline"],
    "recover": ["--rebuild-database"],
    "collect_garbage": [],
    "estimate_costs": [],
    "create_api_token": ["alice"],
    "remove_second_factor": ["alice"],
}


def refuse(*_arguments: object) -> NoReturn:
    raise OperationalError("connection failed: postgres://vault:canary@db/vault\nIs the server running?")


@pytest.fixture
def no_answer() -> Iterator[None]:
    with connection.execute_wrapper(refuse):
        yield


@pytest.mark.parametrize("name", COMMANDS)
def test_a_database_that_does_not_answer_is_told_in_one_line(name: str, keys: KeySources, no_answer: None) -> None:
    out = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command(name, *COMMANDS[name], stdout=out, stderr=StringIO())
    assert caught.value.returncode == 1
    assert str(caught.value).startswith(f"The database cannot be used: {SAID}. Start it, or correct DATABASE_URL.")
    assert ("\n" in str(caught.value), out.getvalue()) == (False, "")


def test_no_key_is_made_that_no_row_would_tell_of(keys: KeySources, tmp_path: Path, no_answer: None) -> None:
    before = sorted(keys.directory.rglob("*"))
    for recovery in ([], ["--recovery", "--recovery-dir", str(tmp_path / "stick")]):
        with pytest.raises(CommandError, match="cannot be used"):
            call_command("create_kek", *recovery, stdout=StringIO(), stderr=StringIO())
    assert sorted(keys.directory.rglob("*")) == before
    assert not (tmp_path / "stick").exists()


def test_a_key_that_was_made_is_named_whatever_follows(keys: KeySources) -> None:
    """Whoever is not told its id makes another."""
    damaged = keys.directory / "older" / "damaged.pem"
    damaged.touch(mode=0o600)
    out = StringIO()
    with pytest.raises(CommandError, match=r"damaged\.pem"):
        call_command("create_kek", stdout=out, stderr=StringIO())
    assert out.getvalue().strip() == KekRecord.objects.get().kek_id


def test_a_key_that_was_made_is_not_said_to_be_unwritten_where_nobody_reads(keys: KeySources) -> None:
    with pytest.raises(BrokenPipeError):
        call_command("create_kek", stdout=Closed(), stderr=StringIO())
    assert KekRecord.objects.count() == 1


def test_who_adopts_is_told_how_to_go_on(keys: KeySources, tmp_path: Path, no_answer: None) -> None:
    answer = adopt(tmp_path, "--owner", "alice")
    assert (answer.status, answer.said.startswith(f"The database cannot be used: {SAID}")) == (1, True)
    assert answer.said.endswith("Run the same command again to go on: nothing is adopted twice.")


def test_a_database_without_tables_is_told_with_what_makes_them(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "VAULT_ENV_FILE": os.devnull,
        "SECRET_KEY": "only-for-tests-0123456789-0123456789-0123456789-0123456789",
        "VAULT_DATA_DIR": str(tmp_path),
        "VAULT_KEYS_DIR": str(write_keys(tmp_path / "keys")),
    }
    command = [sys.executable, "manage.py", "verify_documents", "--inline"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "CommandError: The database has not all of the vault's tables. Run: manage.py migrate\n"
