"""What operators have: checks, commands, logs, the schedule, the admin."""

import io
import json
import logging
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission, User
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django.fixtures import Settings

from documents import key_rings, wiring
from documents.failpoints import NAMES, FailpointReached, failpoint
from documents.models import ApiToken, AuditEvent, Document, Link
from documents.redaction import redacted
from documents.services.actors import Actor
from documents.services.links import create_link
from documents.services.tokens import create_token, find_token
from tests.encryption.keys import RING, ring_holding
from vault.celery import app
from vault.logs import logging_config


def found() -> set[str]:
    return {message.id or "" for message in run_checks() if (message.id or "").startswith("documents.")}


def test_a_sound_configuration_has_no_findings() -> None:
    assert found() == set()


def test_keys_that_cannot_be_loaded_are_found(settings: Settings, tmp_path: Path) -> None:
    settings.VAULT = replace(settings.VAULT, keys=replace(settings.VAULT.keys, directory=tmp_path))

    assert found() == {"documents.E001"}


def test_a_recovery_private_key_on_the_server_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("documents.checks.key_ring", lambda: ring_holding("primary", "recovery"))

    assert found() == {"documents.E002"}


def test_a_store_that_is_not_configured_is_found(settings: Settings, tmp_path: Path) -> None:
    settings.VAULT = replace(settings.VAULT, storage_type="elsewhere")
    assert found() == {"documents.E003"}
    (tmp_path / "file").touch()
    settings.VAULT = replace(settings.VAULT, storage_type="local", local_storage_path=tmp_path / "file" / "below")
    assert found() == {"documents.E003"}


def test_handlers_that_spool_plaintext_are_found(settings: Settings) -> None:
    settings.FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]

    assert found() == {"documents.E004"}


def test_a_token_is_printed_alone(alice: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_api_token", "alice", "--scope", "read", "--days", "30")

    token = capsys.readouterr().out.strip()
    row = find_token(token)
    assert row is not None
    assert (row.user, row.scopes) == (alice, ["read"])
    assert row.expires_at is not None
    assert AuditEvent.objects.get().via == "command"


@pytest.mark.parametrize("arguments", [["nobody"], ["alice", "--days", "0"], ["alice", "--days", "5000"]])
def test_a_token_for_nobody_or_no_time_is_refused(alice: User, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("create_api_token", *arguments)
    assert not ApiToken.objects.exists()


def test_a_new_keyring_is_complete_private_and_never_overwritten(settings: Settings, tmp_path: Path) -> None:
    keys = replace(settings.VAULT.keys, directory=tmp_path / "keys", passphrase="a passphrase")
    settings.VAULT = replace(settings.VAULT, keys=keys)
    told = io.StringIO()

    call_command("create_keyring", recovery_dir=tmp_path / "safe", stdout=told)

    ring = key_rings.key_ring()
    assert ring.can_open
    assert ring.recovery[0].opener is None
    assert "Move it off this machine" in told.getvalue()
    made = sorted(path for path in tmp_path.rglob("*.pem"))
    assert [path.name for path in made] == ["origin.pem", "primary.pem", "recovery.pub.pem", "recovery.pem"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    before = [path.read_bytes() for path in made]
    with pytest.raises(CommandError, match="never overwritten"):
        call_command("create_keyring", recovery_dir=tmp_path / "elsewhere")
    assert [path.read_bytes() for path in made] == before


def test_logs_are_json_lines_without_anything_that_grants_access() -> None:
    handler = logging.StreamHandler(stream := io.StringIO())
    config = logging_config(level="INFO", as_json=True)["formatters"]["structured"]
    handler.setFormatter(config.pop("()")(**config))
    record = logging.LogRecord("x", logging.WARNING, "", 1, "GET /l/%s and Bearer %s", ("tok-EN_1", "vlt_abc"), None)

    handler.emit(record)

    line = json.loads(stream.getvalue())
    assert line["event"] == "GET /l/[redacted] and Bearer [redacted]"
    assert line["level"] == "warning"
    assert redacted("https://s3/x?X-Amz-Credential=AK/2026&X-Amz-Signature=abc&a=1") == (
        "https://s3/x?X-Amz-Credential=[redacted]&X-Amz-Signature=[redacted]&a=1"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("connecting to redis://:secret@host:6379/0 failed", "connecting to redis://:[redacted]@host:6379/0 failed"),
        ("postgres://vault:p:w@db/vault", "postgres://vault:[redacted]@db/vault"),
        ("http://proxy:3128/a@b and alice@example.org", "http://proxy:3128/a@b and alice@example.org"),
    ],
)
def test_passwords_in_urls_are_redacted(text: str, told: str) -> None:
    assert redacted(text) == told


def test_every_scheduled_task_exists() -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in django_settings.CELERY_BEAT_SCHEDULE.values()} <= set(app.tasks)


def test_a_wake_up_that_nobody_took_expires_before_the_next() -> None:
    for entry in django_settings.CELERY_BEAT_SCHEDULE.values():
        schedule, options = entry["schedule"], entry["options"]
        assert isinstance(options, dict)
        assert 0 < options["expires"] < (schedule if isinstance(schedule, float) else 86400)


def test_a_failpoint_does_nothing_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        failpoint(name)
    monkeypatch.setenv("VAULT_FAILPOINT", f"{NAMES[0]}:raise")
    failpoint(NAMES[1])
    with pytest.raises(FailpointReached):
        failpoint(NAMES[0])
    with pytest.raises(LookupError):
        failpoint("not listed")


def test_a_ring_is_built_once_per_configuration() -> None:
    assert key_rings.key_ring() is key_rings.key_ring()
    assert wiring.storage_provider() is wiring.storage_provider()
    first = key_rings.key_ring()
    key_rings.reset()
    assert key_rings.key_ring() is not first
    assert RING.primary == key_rings.key_ring().primary


ADMIN_LISTS = ["document", "attachment", "stagedattachment", "objectremoval", "link", "auditevent", "apitoken"]


@pytest.fixture
def admin(sam: User, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(sam)


@pytest.mark.parametrize("name", ADMIN_LISTS)
def test_the_admin_shows_and_changes_nothing(
    admin: Client, name: str, store: Callable[..., Document], alice: User, as_alice: Actor
) -> None:
    create_link(store(b"plaintext-canary"), creator=alice, actor=as_alice)
    create_token(alice, actor=as_alice)
    place = f"/admin/documents/{name}/"

    listed = admin.get(place)
    assert listed.status_code == 200
    assert b"plaintext-canary" not in listed.content
    assert admin.get(place, {"q": "alice"}).status_code == 200
    assert admin.get(f"{place}add/").status_code == 403
    model = {model._meta.model_name: model for model in (Document, Link, AuditEvent, ApiToken)}.get(name)
    if model:
        one = f"{place}{model._default_manager.values_list('pk', flat=True)[0]}/"
        page = admin.get(f"{one}change/").content
        assert b"sha256" not in page.lower()
        assert b"key_block" not in page
        assert b'name="_save"' not in page
        assert admin.get(f"{one}delete/").status_code == 403


@pytest.mark.parametrize(("name", "action"), [("link", "revoke_links"), ("apitoken", "revoke_tokens")])
def test_staff_end_links_and_tokens_by_permission(
    admin: Client,
    bob: User,
    client_of: Callable[..., Client],
    store: Callable[..., Document],
    as_alice: Actor,
    name: str,
    action: str,
) -> None:
    alice = as_alice.user
    assert alice is not None
    create_link(store(), creator=alice, actor=as_alice)
    create_token(alice, actor=as_alice)
    model = {"link": Link, "apitoken": ApiToken}[name]
    form = {"action": action, "_selected_action": [str(model.objects.get().pk)]}  # type: ignore[attr-defined]
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    bob.user_permissions.add(Permission.objects.get(codename=f"view_{name}"))

    for user, ended in ((client_of(User.objects.get(pk=bob.pk)), False), (admin, True)):
        user.get("/upload/")
        csrf = user.cookies["csrftoken"].value
        user.post(f"/admin/documents/{name}/", {**form, "csrfmiddlewaretoken": csrf})
        assert model.objects.filter(revoked_at=None).exists() is not ended  # type: ignore[attr-defined]
    assert AuditEvent.objects.filter(via="admin", actor__username="sam").count() == 1
