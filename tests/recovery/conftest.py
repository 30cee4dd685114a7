from collections.abc import Callable
from pathlib import Path

import pytest

from documents.recovery import recover
from tests.recovery.objects import Shelf, write_key

Recover = Callable[..., int]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty store."""
    (tmp_path / "store").mkdir()
    return Shelf(tmp_path / "store")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where documents are recovered to; not there yet."""
    return tmp_path / "out"


@pytest.fixture
def recovery_key(tmp_path: Path) -> Path:
    return write_key(tmp_path, "recovery")


@pytest.fixture
def recovering(shelf: Shelf, out: Path, recovery_key: Path) -> Recover:
    """Run the script's own entry point from the store, with the recovery key, to ``out``; returns its exit status."""

    def run(*arguments: object) -> int:
        given = [str(argument) for argument in arguments]
        places = [] if "--list" in given else ["--to", str(out)]
        keys = [] if "--key" in given else ["--key", str(recovery_key)]
        return recover.main(["--from", str(shelf.root), *places, *keys, *given])

    return run
