"""Configuration: out of the environment, checked at start-up, one line that names the variable."""

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import environ
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from documents.conf import WEAKEST_WRAPS, VaultConfig, clouds, from_environment, hcp, s3
from documents.encryption.keyring import RSA_OAEP, RSA_OAEP_ML_KEM, WRAP_TYPES, generate_kek
from documents.encryption.vectors.keys import pem_of
from documents.errors import ConfigurationError, KeyRingError, VaultError, WeakKey, WrongPassphrase
from documents.keysources import load_key_ring
from tests.keyring import public_pem, write_keys

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
Configure = Callable[..., VaultConfig]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    def read(**variables: str) -> VaultConfig:
        env = environ.FileAwareEnv()
        env.ENVIRON = environ.fileaware_mapping.FileAwareMapping(env={"VAULT_KEYS_DIR": str(tmp_path), **variables})
        return from_environment(env, tmp_path)

    return read


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


def test_the_directory_of_keys(configure: Configure, tmp_path: Path) -> None:
    write_keys(tmp_path)
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "2020.pem").write_bytes(public_pem("stranger"))

    ring = load_key_ring(configure().keys)

    assert ring.can_open
    assert len(ring.recipients) == 2
    assert len(ring.older) == 1
    assert "PRIVATE" not in repr(ring)


def test_keys_out_of_the_environment(configure: Configure) -> None:
    one_line = {
        "VAULT_PRIMARY_KEK": pem_of("primary").decode().replace("\n", "\\n"),
        "VAULT_RECOVERY_KEK": public_pem("recovery").decode(),
        "VAULT_ORIGIN_KEY": pem_of("origin").decode(),
    }

    assert load_key_ring(configure(**one_line).keys).can_open


def test_public_keys_alone_make_a_ring_that_seals_only(configure: Configure, tmp_path: Path) -> None:
    write_keys(tmp_path, seal_only=True)

    assert load_key_ring(configure().keys).seal_only


def test_the_weakest_wrap_is_rsa_until_it_is_told(configure: Configure, tmp_path: Path) -> None:
    write_keys(tmp_path)
    assert load_key_ring(configure().keys).weakest_type == RSA_OAEP
    with pytest.raises(KeyRingError, match="would wrap as rsa-oaep, and the weakest"):
        load_key_ring(configure(VAULT_WEAKEST_WRAP="rsa-oaep-ml-kem-768").keys)

    write_keys(tmp_path, primary="hybrid-primary", recovery="hybrid-recovery", older="primary")
    ring = load_key_ring(configure(VAULT_WEAKEST_WRAP="rsa-oaep-ml-kem-768").keys)
    assert ring.weakest_type == RSA_OAEP_ML_KEM
    assert ring.opens == {ring.primary.kek_id}
    assert len(load_key_ring(configure().keys).opens) == 2


def test_a_primary_and_a_recovery_key_of_two_kinds_are_refused(configure: Configure, tmp_path: Path) -> None:
    write_keys(tmp_path, primary="hybrid-primary")

    with pytest.raises(KeyRingError, match="Make both of one kind"):
        load_key_ring(configure().keys)


def test_settings_know_every_wrap_that_there_is() -> None:
    assert tuple(WRAP_TYPES) == WEAKEST_WRAPS


def test_a_mistyped_wrap_names_its_variable(configure: Configure) -> None:
    with pytest.raises(ConfigurationError, match=r"VAULT_WEAKEST_WRAP is 'ml-kem'. Set it to rsa-oaep or rsa-oaep-ml"):
        configure(VAULT_WEAKEST_WRAP="ml-kem")


def spoil(directory: Path, case: str) -> dict[str, str]:
    """Break the keys in one way; returns the variables that belong to it."""
    primary = directory / "primary.pem"
    match case:
        case "missing":
            primary.unlink()
        case "readable by others":
            primary.chmod(0o644)
        case "weak":
            key = rsa.generate_private_key(65537, 2048).public_key()
            primary.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        case "wrong passphrase" | "no passphrase":
            primary.write_bytes(generate_kek(passphrase=b"right").private)
            return {"VAULT_KEK_PASSPHRASE": "wrong-canary" if case == "wrong passphrase" else ""}
        case "garbage":
            primary.write_bytes(b"-----BEGIN PUBLIC KEY-----\ncanary\n-----END PUBLIC KEY-----\n")
        case "the recovery key itself":
            primary.write_bytes(pem_of("recovery"))
    return {}


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("missing", ConfigurationError),
        ("readable by others", KeyRingError),
        ("weak", WeakKey),
        ("wrong passphrase", WrongPassphrase),
        ("no passphrase", WrongPassphrase),
        ("garbage", KeyRingError),
        ("the recovery key itself", KeyRingError),
    ],
)
def test_keys_that_cannot_be_used_say_why_and_never_what_they_are(
    configure: Configure, tmp_path: Path, case: str, error: type[VaultError]
) -> None:
    write_keys(tmp_path)
    variables = spoil(tmp_path, case)

    with pytest.raises(error) as raised:
        load_key_ring(configure(**variables).keys)

    assert "canary" not in str(raised.value)
    if case != "the recovery key itself":
        assert "primary.pem" in str(raised.value)


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


@pytest.mark.parametrize("from_file", [False, True])
def test_a_dollar_in_front_of_a_secret_is_part_of_it(configure: Configure, tmp_path: Path, *, from_file: bool) -> None:
    (tmp_path / "passphrase").write_text("$uperSecret\n")
    given = (
        {"VAULT_KEK_PASSPHRASE_FILE": str(tmp_path / "passphrase")}
        if from_file
        else {"VAULT_KEK_PASSPHRASE": "$uperSecret"}
    )

    assert configure(uperSecret="of another variable", **given).keys.passphrase == "$uperSecret"


def test_a_key_that_cannot_be_read_is_named(configure: Configure, tmp_path: Path) -> None:
    write_keys(tmp_path)
    (tmp_path / "primary.pem").unlink()
    (tmp_path / "primary.pem").symlink_to(tmp_path / "origin.pem" / "below-a-file")
    with pytest.raises(ConfigurationError, match=r"primary\.pem"):
        load_key_ring(configure().keys)

    (tmp_path / "older").mkdir()
    (tmp_path / "primary.pem").unlink()
    write_keys(tmp_path)
    (tmp_path / "older" / "directory.pem").mkdir()
    with pytest.raises(KeyRingError, match=r"directory\.pem cannot be read: Is a directory"):
        load_key_ring(configure().keys)


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
