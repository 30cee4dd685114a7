"""New keys: a start that was interrupted anywhere goes on, and no key is ever replaced."""

import shutil
from pathlib import Path

import pytest

from documents.conf import KeySources
from documents.encryption.keyring import load_kek
from documents.errors import KeyRingError
from documents.keymaking import make_missing_keys
from documents.keysources import load_key_ring
from tests.keyring import public_pem

NAMES = ["recovery.pem", "recovery.pub.pem", "origin.pem", "primary.pem"]


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("complete")
    made = make_missing_keys(KeySources(directory / "keys"), directory / "safe")
    assert [path.name for path in made] == NAMES
    return directory


@pytest.fixture
def vault(complete: Path, tmp_path: Path) -> Path:
    return shutil.copytree(complete, tmp_path / "vault")


def contents(vault: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in vault.rglob("*") if path.is_file()}


def test_a_complete_ring_is_left_alone(vault: Path) -> None:
    before = contents(vault)

    assert make_missing_keys(KeySources(vault / "keys"), vault / "safe") == []
    assert contents(vault) == before


@pytest.mark.parametrize("written", range(4))
def test_an_interrupted_making_goes_on_where_it_stopped(vault: Path, written: int) -> None:
    for name in NAMES[written:]:
        next(vault.rglob(name)).unlink()
    before = contents(vault)

    made = make_missing_keys(KeySources(vault / "keys"), vault / "safe")

    assert [path.name for path in made] == NAMES[written:]
    after = contents(vault)
    assert {name: after[name] for name in before} == before
    assert sorted(after) == sorted(NAMES), "nothing unfinished is left"
    ring = load_key_ring(KeySources(vault / "keys"))
    assert ring.can_open
    assert ring.recovery[0].kek_id == load_kek(after["recovery.pem"]).kek_id


def test_a_recovery_key_that_was_taken_away_is_not_made_again(vault: Path) -> None:
    (vault / "safe" / "recovery.pem").unlink()
    (vault / "keys" / "primary.pem").unlink()

    made = make_missing_keys(KeySources(vault / "keys"), vault / "safe")

    assert [path.name for path in made] == ["primary.pem"]


def test_a_spoilt_recovery_key_is_refused_and_kept(vault: Path) -> None:
    for name in NAMES[1:]:
        (vault / "keys" / name).unlink()
    (vault / "safe" / "recovery.pem").write_bytes(public_pem("recovery")[:100])

    with pytest.raises(KeyRingError):
        make_missing_keys(KeySources(vault / "keys"), vault / "safe")
    assert list(contents(vault)) == ["recovery.pem"]
