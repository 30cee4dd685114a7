"""The commands of the key ring, from a new KEK to the destruction of the old one, and of verification."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from documents.conf import KeySources
from documents.models import Attachment, AuditEvent, KekRecord
from documents.services.actors import Actor
from documents.storage.base import StorageProvider
from tests.conftest import Store
from tests.upkeep.rotating import attachment_of
from tests.upkeep.test_rewrap import content_of

pytestmark = pytest.mark.django_db(transaction=True)


def run(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def refused(name: str, *arguments: str) -> tuple[str, int]:
    with pytest.raises(CommandError) as caught:
        run(name, *arguments)
    return str(caught.value), caught.value.returncode


def keks() -> dict[str, dict[str, object]]:
    told = json.loads(run("list_keks", "--format", "json"))
    return {kek["role"]: kek for kek in told["keks"]}


def test_a_new_kek_takes_over_and_the_old_one_is_destroyed(
    store: Store, keys: KeySources, old_primary: str, operator: Actor
) -> None:
    document = store(b"a testament")
    made = run("create_kek").strip()
    assert (keys.directory / "older" / f"{made[:16]}.pem").stat().st_mode & 0o077 == 0

    report = run("rotate_keys", "--to", made[:12], "--inline", "--no-input")

    assert "succeeded" in report
    assert keks()["primary"]["kek_id"] == made
    assert keks()["primary"]["attachments"] == 1
    assert "is retired: 1 key blocks" in run("retire_kek", old_primary)
    assert "may be destroyed from" in run("destroy_kek", old_primary, "--no-input")
    message, status = refused("destroy_kek", old_primary, "--confirm", "--no-input")
    assert (status, "not before" in message) == (2, True)
    KekRecord.objects.filter(kek_id=old_primary).update(destruction_due_at="2026-01-01T00:00:00Z")
    assert "primary.pem" in run("destroy_kek", old_primary, "--confirm", "--no-input")
    assert content_of(attachment_of(document), operator) == b"a testament"
    assert "destroyed" in run("list_keks")


def test_a_dry_run_changes_nothing(store: Store, keys: KeySources, new_primary: str, old_primary: str) -> None:
    store()
    assert "attachment   1" in run("rotate_keys", "--to", new_primary, "--dry-run")
    assert Attachment.objects.get().kek_id == old_primary
    assert not (keys.directory / "ring.json").exists()


def test_a_kek_whose_private_half_is_not_here_is_not_made_primary(keys: KeySources, tmp_path: Path) -> None:
    made = run("create_kek", "--recovery", "--recovery-dir", str(tmp_path / "stick")).strip()
    message, status = refused("rotate_keys", "--to", made)
    assert (status, "private half" in message) == (2, True)
    assert [path.name for path in (tmp_path / "stick").iterdir()] == [f"recovery-{made[:16]}.pem"]


def test_another_recovery_key_is_rotated_in(store: Store, keys: KeySources, tmp_path: Path) -> None:
    store()
    made = run("create_kek", "--recovery", "--recovery-dir", str(tmp_path / "stick")).strip()
    run("rotate_keys", "--recovery", made, "--inline")
    assert keks()["recovery"]["kek_id"] == made
    assert keks()["recovery"]["attachments"] == 1


def test_a_vault_changes_to_the_hybrid_wrap_by_rewrap_alone(
    store: Store, keys: KeySources, tmp_path: Path, operator: Actor
) -> None:
    document = store(b"a will")
    core = bytes(attachment_of(document).envelope_core)
    wrap = ("--wrap", "rsa-oaep-ml-kem-768")
    primary = run("create_kek", *wrap).strip()
    message, status = refused("rotate_keys", "--to", primary, "--inline")
    assert (status, "one type" in message or "wrap" in message) == (1, True), message
    recovery = run("create_kek", *wrap, "--recovery", "--recovery-dir", str(tmp_path / "stick")).strip()

    run("rotate_keys", "--to", primary, "--recovery", recovery, "--inline")

    assert bytes(attachment_of(document).envelope_core) == core
    assert json.loads(run("list_keks", "--format", "json"))["wraps"] == {"rsa-oaep-ml-kem-768": 1}
    assert content_of(attachment_of(document), operator) == b"a will"


@pytest.mark.parametrize("begin", ["", "zz", "00", "\udcff", "0\0", "0%"])
def test_an_id_that_names_no_kek_is_refused(begin: str, keys: KeySources) -> None:
    """A byte that is not UTF-8 comes from a shell as a lone surrogate."""
    for call in (("retire_kek", begin), ("rotate_keys", "--to", begin), ("destroy_kek", begin, "--keep")):
        message, status = refused(*call)
        assert (status, message.startswith("No KEK"), message.isprintable()) == (2, True, True)


def test_a_wrong_confirmation_destroys_nothing(
    store: Store, keys: KeySources, new_primary: str, old_primary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store()
    run("rotate_keys", "--to", new_primary, "--inline")
    run("retire_kek", old_primary)
    for typed in (StringIO("yes\n"), None):  # None is what Python has for a stdin that the shell closed
        monkeypatch.setattr("sys.stdin", typed)
        assert refused("destroy_kek", old_primary) == ("Not confirmed; nothing was changed.", 2)
    assert KekRecord.objects.get(kek_id=old_primary).destruction_due_at is None
    assert not AuditEvent.objects.filter(action="kek.destruction_asked").exists()


def test_what_cannot_be_is_said_before_anything_is_to_be_typed(
    store: Store, keys: KeySources, new_primary: str, old_primary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store()
    run("rotate_keys", "--to", new_primary, "--inline")
    asked = StringIO("something else\n")
    monkeypatch.setattr("sys.stdin", asked)
    for confirm, why in (([], "not retired"), (["--confirm"], "Nobody asked")):
        message, status = refused("destroy_kek", old_primary, *confirm)
        assert (status, why in message) == (2, True), message
    run("retire_kek", old_primary)
    run("destroy_kek", old_primary, "--no-input")
    message, status = refused("destroy_kek", old_primary, "--confirm")
    assert (status, "not before" in message) == (2, True), message
    assert asked.tell() == 0


def test_verification_tells_what_is_wrong_and_fails(store: Store, provider: StorageProvider) -> None:
    document = store(b"a deed")
    assert "succeeded" in run("verify_documents", "--inline", "--deep")
    attachment = attachment_of(document)
    provider.delete(attachment.storage_path)
    out = StringIO()
    with pytest.raises(CommandError, match="has findings") as caught:
        call_command("verify_documents", "--inline", "--format", "json", stdout=out, stderr=StringIO())
    assert caught.value.returncode == 1
    [finding] = json.loads(out.getvalue())["findings"]
    assert (finding["class"], finding["attachment_id"]) == ("missing", str(attachment.pk))
