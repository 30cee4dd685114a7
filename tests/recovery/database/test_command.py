"""``manage.py recover``: the script's engine over the configured stores, and the way to a rebuilt database."""

import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from documents import key_rings
from documents.models import Attachment, Document, Vault
from documents.storage.base import StorageProvider
from documents.storage.local import LocalProvider
from tests.conftest import Store
from tests.keyring import write_keys
from tests.recovery.database.losing import forget, lose_database
from tests.recovery.objects import files_in, manifest_of, outcomes, sha256, write_key
from tests.upkeep.rotating import attachment_of

pytestmark = pytest.mark.django_db


def recovered(*arguments: object) -> str:
    out = io.StringIO()
    call_command("recover", *map(str, arguments), stdout=out, stderr=io.StringIO())
    return out.getvalue()


def refused(*arguments: object) -> CommandError:
    with pytest.raises(CommandError) as caught:
        recovered(*arguments)
    return caught.value


@pytest.fixture
def seal_only(settings: Settings, tmp_path: Path) -> None:
    """A server of public keys alone."""
    keys = replace(settings.VAULT.keys, directory=write_keys(tmp_path / "public", seal_only=True))
    settings.VAULT = replace(settings.VAULT, keys=keys)
    key_rings.reset()


def test_the_configured_keys_recover_the_configured_store(store: Store, bob: User, out: Path) -> None:
    documents = [store(b"first", filename="first.pdf"), store(b"second", filename="second.pdf", owner=bob)]
    told = recovered("--to", out)
    assert files_in(out) == {"alice/first.pdf": b"first", "bob/second.pdf": b"second"}
    assert {entry["document_id"] for entry in manifest_of(out).values()} == {str(one.pk) for one in documents}
    assert {entry["origin_signature"] for entry in manifest_of(out).values()} == {"verified"}
    assert "document, recovered" in told


def test_an_offline_key_recovers_where_the_server_has_public_keys(
    store: Store, out: Path, seal_only: None, recovery_key: Path
) -> None:
    store(b"a payslip")
    error = refused("--to", out)
    assert (error.returncode, str(error)) == (2, "There is no private key here. Bring one with --key.")
    recovered("--to", out, "--key", recovery_key)
    assert files_in(out) == {"alice/payslip.pdf": b"a payslip"}


def test_a_list_is_written_where_it_is_wanted(store: Store, tmp_path: Path) -> None:
    store(b"a payslip")
    assert recovered("--list", "--format", "json", "--output", tmp_path / "list.json") == ""
    told = json.loads((tmp_path / "list.json").read_text())
    assert [entry["outcome"] for entry in told["entries"]] == ["openable"]
    assert told["entries"][0]["sha256"] is None


def test_what_cannot_be_opened_ends_with_1(store: Store, out: Path, provider: StorageProvider) -> None:
    store(b"a payslip")
    key = Attachment.objects.get().storage_path
    sealed = provider.get(key)
    provider.delete(key)
    provider.put_bytes(key, sealed[:-1])
    assert refused("--to", out).returncode == 1
    assert outcomes(out)[key] == ("failed", "AuthenticationFailed")


def test_several_stores_are_recovered_into_directories_of_their_own(
    store: Store, out: Path, settings: Settings, tmp_path: Path, provider: StorageProvider
) -> None:
    store(b"in the store of this profile")
    if provider.name != "local":
        sealed = provider.get(Attachment.objects.get().storage_path)
        LocalProvider(settings.VAULT.local_storage_path).put_bytes("kept.vlt", sealed)
        recovered("--to", out)
        assert {path for path in files_in(out) if "manifest" not in path} == {
            "local/alice/payslip.pdf",
            "s3/alice/payslip.pdf",
        }
    recovered("--to", tmp_path / "one", "--store", provider.name)
    assert set(files_in(tmp_path / "one")) == {"alice/payslip.pdf"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "one of them"),
        (["--to", "x", "--list"], "one of them"),
        (["--to", "x", "--vault-id", str(Vault().vault_id)], "goes with --rebuild-database"),
        (["--rebuild-database", "--to", "x"], "leave out --to"),
        (["--add-missing", "--only", "alice"], "leave out --to"),
        (["--rebuild-database", "--format", "csv"], "--format csv"),
        (["--list", "--store", "nowhere"], "No store 'nowhere'"),
    ],
)
def test_a_wrong_call_is_told_and_ends_with_2(arguments: list[str], told: str) -> None:
    error = refused(*arguments)
    assert error.returncode == 2
    assert told in str(error)


def test_a_world_readable_key_is_refused(store: Store, tmp_path: Path) -> None:
    key = write_key(tmp_path, "recovery", mode=0o644)
    for wish in (["--list"], ["--rebuild-database"]):
        error = refused(*wish, "--key", key)
        assert (error.returncode, f"chmod 600 {key}" in str(error)) == (2, True)


def test_a_lost_database_is_rebuilt_by_the_offline_key(
    store: Store, seal_only: None, recovery_key: Path, provider: StorageProvider
) -> None:
    """The web servers of such a vault go on with public keys, and take documents in."""
    document = store(b"a payslip")
    pk, vault_id = document.pk, Vault.current_id()
    lose_database()
    assert refused("--rebuild-database").returncode == 2
    told = json.loads(recovered("--rebuild-database", "--key", recovery_key, "--format", "json"))
    assert (told["schema_version"], told["vault_id"], told["counts"]) == (1, str(vault_id), {"added": 1})
    assert Document.objects.get().pk == pk
    store(b"another", owner=User.objects.get())
    assert Document.objects.count() == 2


def test_a_database_in_use_is_refused(store: Store) -> None:
    store(b"a payslip")
    error = refused("--rebuild-database")
    assert error.returncode == 2
    assert "This database holds documents" in str(error)


def test_adding_what_is_missing_asks_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    forget(store(b"lost"))
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    assert refused("--add-missing").returncode == 2
    assert not Document.objects.exists()
    monkeypatch.setattr("sys.stdin", io.StringIO("add\n"))
    assert "1  added" in recovered("--add-missing")
    assert Document.objects.exists()


def test_the_digest_of_the_manifest_is_the_one_that_the_vault_shows(store: Store, out: Path) -> None:
    store(b"a payslip")
    recovered("--to", out)
    [entry] = manifest_of(out).values()
    assert entry["plaintext_sha256"] == sha256(b"a payslip")
    assert entry["object_sha256"] == Attachment.objects.get().digest


def test_a_directory_that_cannot_be_opened_is_told_and_everything_else_comes_out(
    store: Store, out: Path, bob: User, provider: StorageProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests run as root too, whom no mode keeps out: the system's answer is given in its place."""
    if not isinstance(provider, LocalProvider):
        return
    hidden = attachment_of(store(b"first", filename="first.pdf")).storage_path
    store(b"second", filename="second.pdf", owner=bob)
    owners = provider.root / hidden.split("/user_")[0] / f"user_{hidden.split('/user_')[1].split('/')[0]}"
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if path == owners:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    with monkeypatch.context() as locked:
        locked.setattr(os, "scandir", refuse)
        assert refused("--to", out).returncode == 1

    assert files_in(out) == {"bob/second.pdf": b"second"}
    assert (out / "manifest.csv").exists()
    [entry] = [entry for key, entry in manifest_of(out).items() if key.endswith("/")]
    assert entry["answer"] == "Unreadable"
    recovered("--to", out)
    assert files_in(out) == {"alice/first.pdf": b"first", "bob/second.pdf": b"second"}
