"""Configuration: out of the environment, checked at start-up, one line that names the variable."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from documents.conf import clouds, hcp, s3
from documents.errors import ConfigurationError
from tests.documents.configuring import Configure

S3 = {
    "STORAGE_TYPE": "s3",
    "S3_ACCESS_KEY": "access",
    "S3_SECRET_KEY": "secret-canary",
    "S3_BUCKET": "bucket",
    "S3_REGION": "eu-central-1",
}
SOURCES_OF_VARIABLES = (
    *(str(path) for path in Path("documents/conf").glob("*.py")),
    *("vault/settings.py", "vault/environment.py"),
    *("vault/first_run.py", "vault/listening.py", "vault/envfile.py"),
)


def test_without_any_variable_documents_go_to_the_local_disk(configure: Configure, tmp_path: Path) -> None:
    config = configure()

    assert (config.storage_type, config.local_storage_path, config.s3) == ("local", tmp_path / "var" / "storage", None)


def test_the_names_of_s3(configure: Configure) -> None:
    s3 = configure(**S3, S3_ENDPOINT_URL="http://127.0.0.1:9000").s3

    assert s3 is not None
    assert s3.storage_options()["bucket_name"] == "bucket"
    assert s3.storage_options()["addressing_style"] == "path"
    assert "secret-canary" not in repr(configure(**S3))


def test_both_stores_may_be_configured_at_once(configure: Configure) -> None:
    assert configure(**{**S3, "STORAGE_TYPE": "local"}).s3 is not None


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"STORAGE_TYPE": "S3"}, "STORAGE_TYPE"),
        ({"S3_ACCESS_KEY": ""}, "S3_ACCESS_KEY"),
        ({"S3_SECRET_KEY": " "}, "S3_SECRET_KEY"),
        ({"S3_BUCKET": ""}, "S3_BUCKET"),
        ({"S3_BUCKET": "a/b"}, "S3_BUCKET"),
        ({"S3_BUCKET": "x"}, "S3_BUCKET"),
        ({"S3_REGION": ""}, "S3_REGION"),
        ({"S3_ENDPOINT_URL": "host:9000"}, "S3_ENDPOINT_URL"),
        ({"S3_ENDPOINT_URL": "ftp://host"}, "S3_ENDPOINT_URL"),
        ({"S3_ENDPOINT_URL": "http://"}, "S3_ENDPOINT_URL"),
        ({"VAULT_MAX_UPLOAD_SIZE": "10GB"}, "VAULT_MAX_UPLOAD_SIZE"),
        ({"VAULT_MAX_UPLOAD_SIZE": "0"}, "VAULT_MAX_UPLOAD_SIZE"),
        ({"VAULT_METRICS_TOKEN": "short"}, "VAULT_METRICS_TOKEN"),
        ({"STORAGE_TIMEOUT": "5m"}, "STORAGE_TIMEOUT"),
        ({"S3_CREDENTIALS": "none"}, "S3_CREDENTIALS"),
        ({"S3_PREFIX": "a//b"}, "S3_PREFIX"),
        ({"S3_PART_SIZE": "1048576"}, "S3_PART_SIZE"),
        ({"VAULT_LINK_LIFETIME": "1e9"}, "VAULT_LINK_LIFETIME"),
        ({"VAULT_LINK_LIFETIME": "86400000"}, "VAULT_LINK_LIFETIME"),
        ({"VAULT_STAGED_LIFETIME": "-1"}, "VAULT_STAGED_LIFETIME"),
        ({"VAULT_MAX_REQUESTS_PER_CLIENT": "0"}, "VAULT_MAX_REQUESTS_PER_CLIENT"),
        ({"VAULT_OBJECT_NAMES": "plain"}, "VAULT_OBJECT_NAMES"),
        ({"VAULT_REQUIRE_STAFF_MFA": "maybe"}, "VAULT_REQUIRE_STAFF_MFA"),
        ({"S3_SECRET_KEY_FILE": "/no/such/file"}, "S3_SECRET_KEY"),
    ],
)
def test_a_missing_or_malformed_value_is_named_in_one_line(
    configure: Configure, changed: dict[str, str], named: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        configure(**{**S3, **changed})

    assert named in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "secret-canary" not in str(raised.value)


def test_a_secret_may_come_out_of_a_file(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    (tmp_path / "secret").chmod(0o600)

    s3 = configure(**{**S3, "S3_SECRET_KEY": "", "S3_SECRET_KEY_FILE": str(tmp_path / "secret")}).s3
    assert s3 is not None
    assert s3.secret_key == "from a file"


@pytest.mark.parametrize("missing", ["S3_ACCESS_KEY", "S3_BUCKET", "SECRET_KEY"])
def test_every_process_stops_with_that_line(tmp_path: Path, missing: str) -> None:
    variables = {**S3, "SECRET_KEY": "x" * 50, "VAULT_ENV_FILE": os.devnull, "PATH": os.environ["PATH"]}
    del variables[missing]
    variables["DJANGO_SETTINGS_MODULE"] = "vault.settings"

    done = subprocess.run(
        [sys.executable, "manage.py", "check"], env=variables, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"document-vault: {missing} is missing")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "ture") for name in ("VAULT_HTTPS", "DEBUG", "VAULT_BEHIND_PROXY", "VAULT_HSTS_PRELOAD", "LOG_JSON")),
        ("LOG_LEVEL", "LOUD"),
        ("SECRET_KEY_FILE", "/no/such/file"),
        ("SECRET_KEY_FALLBACKS_FILE", "/no/such/file"),
        *(("DATABASE_URL", url) for url in ("mongodb://h/secret-canary", "vault", "postgresql://u:secret-canary@h")),
        *(("DATABASE_URL", url) for url in ("sqlite://secret-canary/x", "postgresql://u:secret-canary@h:port/x")),
        *(("CACHE_URL", url) for url in ("nonsense", "memcache://secret-canary", "redis://h:secret-canary/1")),
        *(("EMAIL_URL", url) for url in ("mail.example.org", "smtp://u:secret-canary@h:x", "smtp://h/?tls=True")),
        ("CELERY_BROKER_URL", "redis"),
    ],
)
def test_a_malformed_setting_of_django_is_named_in_one_line_and_never_a_default(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    for variable in ("DATABASE_URL", "CACHE_URL", "EMAIL_URL", "CELERY_BROKER_URL", "SECRET_KEY", "LOG_LEVEL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SECRET_KEY", "x" * 50)
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as ended:
        runpy.run_path("vault/settings.py")

    line = str(ended.value)  # what Python prints, before it ends with 1
    assert line.startswith(f"document-vault: {name}"), line
    assert "\n" not in line
    assert "secret-canary" not in line


def test_every_variable_that_is_read_is_explained() -> None:
    root = Path(__file__).parent.parent.parent
    explained = (root / ".env.example").read_text()
    sources = "".join((root / name).read_text() for name in SOURCES_OF_VARIABLES)
    names = set(re.findall(r'\(env, "([A-Z0-9_]+)"', sources)) | set(re.findall(r'env\.\w+\("([A-Z0-9_]+)"', sources))
    names |= set(re.findall(r'environ\.get\("([A-Z0-9_]+)"', sources))
    fields = {"S3": s3.FIELDS, "HCP": hcp.FIELDS, "GCS": clouds.GCS_FIELDS, "AZURE": clouds.AZURE_FIELDS}
    names |= {f"{store}_{field}".upper() for store in fields for field in fields[store]}
    names -= set(fields)

    assert len(names) > 30
    assert {name for name in names if f"{name}=" not in explained} == set()


def test_documents_can_go_to_hcp_and_then_all_of_it_must_be_set(configure: Configure) -> None:
    hcp = {
        "STORAGE_TYPE": "hcp",
        "HCP_ADMIN_URL": "https://legal.hcp.example.com:9090",
        "HCP_TENANT": "legal",
        "HCP_NAMESPACE": "letters",
        "HCP_USER": "vault",
        "HCP_PASSWORD": "secret-canary",
    }

    config = configure(**hcp)

    assert config.hcp is not None
    assert (config.storage_type, config.hcp.endpoint_url) == ("hcp", "https://legal.hcp.example.com")
    assert "secret-canary" not in repr(config)
    for name in hcp:
        if name != "STORAGE_TYPE":
            with pytest.raises(ConfigurationError, match=name):
                configure(**{**hcp, name: ""})
