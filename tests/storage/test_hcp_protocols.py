"""``manage.py hcp_protocols``: results on stdout, errors told, exit codes, and a dry run that changes nothing."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import environ
import pytest
from django.core.files.storage import storages
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf import HcpConfig, from_environment
from documents.errors import ConfigurationError
from documents.models import AuditEvent
from documents.storage.forwarding import undecorated
from documents.storage.hcp import HcpProvider
from documents.storage.hcp_credentials import storage_options
from tests.storage.fake_hcp import NAMESPACE, PASSWORD, TENANT, USER, FakeHcp, fake_hcp
from tests.storage.fake_hcp_messages import Answer

Run = Callable[..., str]
HCP = {
    "HCP_ADMIN_URL": "https://europe.hcp.example.com:9090",
    "HCP_TENANT": "europe",
    "HCP_NAMESPACE": "finance",
    "HCP_USER": "lgreen",
    "HCP_PASSWORD": "secret-canary",
}


@pytest.fixture(scope="module")
def running_hcp() -> Iterator[FakeHcp]:
    with fake_hcp() as hcp:
        yield hcp


@pytest.fixture
def hcp(running_hcp: FakeHcp, settings: Settings) -> Iterator[FakeHcp]:
    running_hcp.reset()
    settings.VAULT = replace(settings.VAULT, hcp=HcpConfig(running_hcp.url, TENANT, NAMESPACE, USER, PASSWORD))
    yield running_hcp
    wiring.hcp_management().close()
    wiring.reset()


@pytest.fixture
def run(hcp: FakeHcp) -> Run:
    def run(*arguments: str) -> str:
        out = io.StringIO()
        call_command("hcp_protocols", *arguments, stdout=out)
        return out.getvalue()

    return run


def test_every_protocol_is_shown_as_text(run: Run) -> None:
    lines = run("show").splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["http", "nfs", "cifs", "smtp"]
    shown = [tuple(line.split()) for line in lines]
    for expected in (
        ("hs3Enabled", "false"),
        ("denyAddresses", "(none)"),
        ("allowAddresses", "0.0.0.0/0"),
        ("uid", "0"),
    ):
        assert expected in shown


def test_one_protocol_is_shown_as_json(run: Run) -> None:
    assert json.loads(run("show", "nfs", "--format", "json")) == {
        "nfs": {"enabled": False, "uid": 0, "gid": 0, "allowAddresses": ["0.0.0.0/0"]}
    }


@pytest.mark.django_db
def test_settings_and_lists_are_set_and_audited(run: Run, hcp: FakeHcp) -> None:
    told = run("set", "http", "hs3Enabled=true", "allowIfInBothLists=false", "--allow", "192.0.2.7",
               "--allow", "198.51.100.0/24", "--deny", "203.0.113.0/24")  # fmt: skip

    assert told.splitlines() == [
        "http hs3Enabled: false -> true",
        "http allowAddresses: 0.0.0.0/0 -> 192.0.2.7 198.51.100.0/24",
        "http denyAddresses: (none) -> 203.0.113.0/24",
        "http allowIfInBothLists: true -> false",
    ]
    assert hcp.management.settings["http"]["ipSettings"] == {
        "allowAddresses": {"ipAddress": ["192.0.2.7", "198.51.100.0/24"]},
        "denyAddresses": {"ipAddress": ["203.0.113.0/24"]},
        "allowIfInBothLists": False,
    }
    event = AuditEvent.objects.get(action="hcp.protocol-changed")
    assert (event.via, event.actor) == ("command", None)
    assert event.detail["fields"] == "hs3Enabled, allowAddresses, denyAddresses, allowIfInBothLists"
    assert run("set", "cifs", "--allow-none", "--deny-none").splitlines() == [
        "cifs allowAddresses: 0.0.0.0/0 -> (none)"
    ]
    assert "so already" in run("set", "cifs", "--allow-none")


@pytest.mark.django_db
def test_a_dry_run_tells_and_changes_nothing(run: Run, hcp: FakeHcp) -> None:
    told = run("set", "smtp", "enabled=true", "emailFormat=.mbox", "--dry-run", "--format", "json")
    assert json.loads(told) == {
        "protocol": "smtp",
        "dry_run": True,
        "changes": {
            "enabled": {"before": False, "after": True},
            "emailFormat": {"before": ".eml", "after": ".mbox"},
        },
    }
    assert "nothing was changed" in run("set", "smtp", "enabled=true", "--dry-run")
    assert {request.method for request in hcp.seen} == {"GET"}
    assert not AuditEvent.objects.filter(action__startswith="hcp.").exists()


@pytest.mark.django_db
def test_a_secret_comes_from_standard_input(run: Run, hcp: FakeHcp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("dav canary\n"))
    assert run("set", "http", "webdavBasicAuthPassword=-") == "http webdavBasicAuthPassword: a new secret\n"
    assert hcp.management.settings["http"]["webdavBasicAuthPassword"] == "dav canary"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("http", "hs3Enabled"), "is not name=value"),
        (("http", "hs3Enabled=yes"), "true or false"),
        (("http", "s3Enabled=true"), "no setting 's3Enabled'"),
        (("http", "allowAddresses=192.0.2.1"), "--allow"),
        (("http", "webdavBasicAuthPassword=canary"), "standard input"),
        (("http", "--allow", "example.com"), "is no IP address"),
        (("nfs", "uid=-1"), "a number from 0"),
        (("nfs", "--deny", "192.0.2.1"), "denyAddresses is not valid for nfs"),
        (("cifs", "allowIfInBothLists=true"), "allowIfInBothLists is not valid for cifs"),
        (("smtp",), "Nothing to change"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_asks_hcp_nothing(
    run: Run, hcp: FakeHcp, arguments: tuple[str, ...], told: str
) -> None:
    with pytest.raises(CommandError, match=told) as caught:
        run("set", *arguments)
    assert caught.value.returncode == 2
    assert "canary" not in str(caught.value)
    assert hcp.seen == []


@pytest.mark.django_db
def test_a_fault_of_hcps_is_exit_code_1(run: Run, hcp: FakeHcp) -> None:
    hcp.management.has_acls = False
    with pytest.raises(CommandError, match="has ACLs") as caught:
        run("set", "http", "hs3Enabled=true")
    assert caught.value.returncode == 1
    hcp.answer_with = lambda request: Answer(503) if request.path.endswith("/nfs") else None
    out = io.StringIO()
    with pytest.raises(CommandError, match="nfs: HCP answered 503") as caught:
        call_command("hcp_protocols", "show", stdout=out)
    assert caught.value.returncode == 1
    assert "caseForcing" in out.getvalue(), "what can be shown is shown"


def test_without_configuration_it_names_the_variable() -> None:
    with pytest.raises(CommandError, match="HCP_ADMIN_URL is missing") as caught:
        call_command("hcp_protocols", "show")
    assert caught.value.returncode == 2


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., HcpConfig | None]:
    def read(**variables: str) -> HcpConfig | None:
        env = environ.FileAwareEnv()
        env.ENVIRON = environ.fileaware_mapping.FileAwareMapping(env=variables)
        return from_environment(env, tmp_path).hcp

    return read


def test_all_five_variables_or_none(configure: Callable[..., HcpConfig | None]) -> None:
    assert configure() is None
    config = configure(**HCP)
    assert config == HcpConfig("https://europe.hcp.example.com:9090", "europe", "finance", "lgreen", "secret-canary")
    assert "secret-canary" not in repr(config)
    assert config.endpoint_url == "https://europe.hcp.example.com"
    system = configure(**{**HCP, "HCP_ADMIN_URL": "https://admin.hcp.example.com:9090/mapi/"})
    assert system is not None
    assert (system.admin_url, system.endpoint_url) == ("https://admin.hcp.example.com:9090", config.endpoint_url)
    for name in HCP:
        with pytest.raises(ConfigurationError, match=f"^{name} is missing"):
            configure(**{**HCP, name: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("HCP_ADMIN_URL", url) for url in ("europe.hcp:9090", "ftp://europe.hcp", "https://", "https://h:port")),
        ("HCP_ADMIN_URL", "http://europe.hcp.example.com:9090"),
        ("HCP_ADMIN_URL", "https://lgreen:secret-canary@europe.hcp.example.com"),
        ("HCP_ADMIN_URL", "https://europe.hcp.example.com:9090/other"),
        *(("HCP_TENANT", name) for name in ("a/b", "-a", "a-", "a" * 64, "..")),
        *(("HCP_NAMESPACE", name) for name in ("a/b", "a b", "a?x=1", "%2e")),
    ],
)
def test_a_malformed_variable_is_named_in_one_line(
    configure: Callable[..., HcpConfig | None], name: str, value: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} ") as caught:
        configure(**{**HCP, name: value})
    assert "\n" not in str(caught.value)
    assert "secret-canary" not in str(caught.value)


def test_the_provider_and_the_client_are_built_once(hcp: FakeHcp) -> None:
    assert wiring.hcp_management() is wiring.hcp_management()
    with pytest.raises(ConfigurationError, match="STORAGES"):
        wiring.storage_provider("hcp")
    options = storage_options(endpoint_url=hcp.url, namespace=NAMESPACE, user=USER, password=PASSWORD)
    alias = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    with override_settings(STORAGES={**storages.backends, "hcp": alias}):
        provider = wiring.storage_provider("hcp")
        store = undecorated(provider)
        assert isinstance(store, HcpProvider)
        assert provider is wiring.storage_provider("hcp")
        provider.put_bytes("k", b"x")
        assert provider.get("k") == b"x"
        store.bucket.client.close()
