"""The command that moves documents, against a database in which the vault's tables are not made yet."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.installation import base_environment, own_database
from tests.crash.moving import MIGRATE
from tests.crash.processes import ROOT


@pytest.fixture(params=["embedded", "servers"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "embedded":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    else:
        with own_database(request.getfixturevalue("postgres_url")) as url:
            yield url


def test_tables_that_were_never_made_are_told_as_that(tmp_path: Path, empty_database: str) -> None:
    environment = {**os.environ, **base_environment(tmp_path / "vault"), "DATABASE_URL": empty_database}

    done = subprocess.run(
        [sys.executable, "manage.py", MIGRATE, "local", "--inline"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "CommandError: The database has not all of the vault's tables. Run: manage.py migrate"
    ]
