"""The credentials of the machine: found where AWS puts them, over real HTTP, and renewed before they expire."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from documents.conf.s3 import S3Config
from documents.errors import StorageAccessDenied
from documents.storage.s3 import S3Provider

Find = Callable[[], Any]

# botocore renews in the background from 15 minutes before the end, and waits for it from 10 minutes before
# (botocore.credentials.RefreshableCredentials).
ABOUT_TO_EXPIRE, FRESH = timedelta(minutes=5), timedelta(hours=6)


class Machine:
    """What gives out credentials: the container's agent, the instance's metadata service, and the token service."""

    def __init__(self) -> None:
        self.given = 0
        self.lifetime = FRESH
        self.asked: list[str] = []

    def credentials(self) -> dict[str, str]:
        self.given += 1
        return {
            "AccessKeyId": f"ACCESS{self.given}",
            "SecretAccessKey": "secret-canary",
            "Token": "session-token",
            "Expiration": f"{datetime.now(UTC) + self.lifetime:%Y-%m-%dT%H:%M:%SZ}",
            "Code": "Success",
            "LastUpdated": "2026-08-01T00:00:00Z",
            "Type": "AWS-HMAC",
        }

    def answer(self, method: str, path: str) -> str:
        self.asked.append(f"{method} {path.partition('?')[0]}")
        if path.startswith("/latest/api/token"):
            return "a-token"
        if path == "/latest/meta-data/iam/security-credentials/":
            return "the-role"
        if method == "POST":
            return self.assumed_role()
        return json.dumps(self.credentials())

    def assumed_role(self) -> str:
        made = self.credentials()
        fields = "".join(
            f"<{name}>{made[source]}</{name}>"
            for name, source in (
                ("AccessKeyId", "AccessKeyId"), ("SecretAccessKey", "SecretAccessKey"), ("SessionToken", "Token"),
                ("Expiration", "Expiration"),
            )
        )  # fmt: skip
        return (
            '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<AssumeRoleWithWebIdentityResult><Credentials>{fields}</Credentials></AssumeRoleWithWebIdentityResult>"
            "</AssumeRoleWithWebIdentityResponse>"
        )


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def url(machine: Machine) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = machine.answer(self.command, self.path).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable, no file and no metadata service of the machine that runs the test."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "BOTO_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def provider(bare_machine: None) -> Callable[[], S3Provider]:
    def make() -> S3Provider:
        config = S3Config("", "", "bucket", "eu-central-1", "http://127.0.0.1:9")
        alias = {"BACKEND": config.backend, "OPTIONS": config.storage_options()}
        with override_settings(STORAGES={"s3": alias}):
            return S3Provider.from_storages("s3")

    return make


def access_key_of(provider: S3Provider) -> str:
    """The key that the next request would be signed with."""
    signer: Any = provider.bucket.client
    return str(signer._request_signer._credentials.get_frozen_credentials().access_key)


def test_the_environment_gives_credentials(provider: Callable[[], S3Provider], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROMENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-canary")
    assert access_key_of(provider()) == "FROMENV"


def test_a_container_gives_credentials(
    provider: Callable[[], S3Provider], machine: Machine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/role")
    assert access_key_of(provider()) == "ACCESS1"
    assert machine.asked == ["GET /role"]


def test_an_instance_gives_credentials(
    provider: Callable[[], S3Provider], machine: Machine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
    assert access_key_of(provider()) == "ACCESS1"
    assert machine.asked[-1] == "GET /latest/meta-data/iam/security-credentials/the-role"


def test_a_web_identity_gives_credentials(
    provider: Callable[[], S3Provider], machine: Machine, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("a web identity token")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/vault")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
    assert access_key_of(provider()) == "ACCESS1"
    assert machine.asked == ["POST /"]


def test_credentials_are_renewed_before_they_expire(
    provider: Callable[[], S3Provider], machine: Machine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/role")
    machine.lifetime = ABOUT_TO_EXPIRE
    store = provider()
    first = access_key_of(store)
    machine.lifetime = FRESH
    renewed = access_key_of(store)
    assert renewed != first
    assert access_key_of(store) == renewed, "what is fresh is kept"


def test_a_machine_without_credentials_is_told(provider: Callable[[], S3Provider]) -> None:
    with pytest.raises(StorageAccessDenied, match="No credentials") as caught:
        provider().put_bytes("k", b"x")
    assert not caught.value.retryable
