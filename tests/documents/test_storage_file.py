"""The storage file: what it describes is built, and what is wrong in it is told by its name."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import environ
import pytest
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf import VaultConfig, from_environment
from documents.conf.s3 import S3Config
from documents.conf.storage_file import FailoverConfig, LocalConfig
from documents.errors import ConfigurationError, ObjectExists, UnsupportedOperation
from documents.services.object_storage import ObjectStorageService
from documents.storage.base import StorageProvider
from documents.storage.cached import Cached
from documents.storage.capabilities import Presigning, require
from documents.storage.failover import Failover
from documents.storage.forwarding import undecorated
from documents.storage.local import LocalProvider
from documents.storage.memory import MemoryProvider
from documents.storage.small_objects import SmallObjects
from tests.conftest import Store

Read = Callable[..., VaultConfig]

WHOLE = """
[stores.archive]
type = "s3"
bucket = "archive"
region = "eu-central-1"
access_key = "access"
secret_key_env = "ARCHIVE_SECRET"
prefix = "vaults/one"
part_size = 16777216

[stores.disk]
type = "local"
path = "second"
cache_seconds = 60
small_objects_seconds = 300

[stores.local]
cache_seconds = 5

[stores.both]
type = "failover"
stores = ["local", "disk"]
second_copy = true

[stores.own]
type = "documents.storage.memory.MemoryProvider"

[policies.payslips]
store = "disk"
max_size = 1000
allowed_types = ["application/pdf", "image/*"]
retention_days = 3650
key_prefix = "payslips"
"""


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def configure(content: str, **variables: str) -> VaultConfig:
        (tmp_path / "storage.toml").write_text(content)
        env = environ.FileAwareEnv()
        given = {"VAULT_STORAGE_FILE": "storage.toml", "ARCHIVE_SECRET": "secret-canary", **variables}
        env.ENVIRON = environ.fileaware_mapping.FileAwareMapping(env=given)
        return from_environment(env, tmp_path)

    return configure


@pytest.fixture
def whole(read: Read, settings: Settings) -> VaultConfig:
    """The whole file is in force."""
    config = read(WHOLE)
    settings.VAULT = replace(
        settings.VAULT, storage_file=config.storage_file, local_storage_path=config.local_storage_path
    )
    return config


def test_stores_are_described_by_name(read: Read, tmp_path: Path) -> None:
    config = read(WHOLE)

    archive = config.store("archive")
    assert isinstance(archive, S3Config)
    assert (archive.secret_key, archive.prefix, archive.part_size) == ("secret-canary", "vaults/one", 16 * 1024**2)
    assert "secret-canary" not in repr(config)
    assert config.store("disk") == LocalConfig(tmp_path / "second")
    assert config.store("both") == FailoverConfig(("local", "disk"), second_copy=True)
    assert config.store("nowhere") is None
    assert config.store_names() == ("local", "archive", "disk", "both", "own")
    assert config.storages_aliases()["archive"]["OPTIONS"]["location"] == "vaults/one"


def test_new_documents_may_go_to_a_store_of_the_file(read: Read) -> None:
    assert read(WHOLE, STORAGE_TYPE="both").storage_type == "both"
    with pytest.raises(ConfigurationError, match="STORAGE_TYPE"):
        read(WHOLE, STORAGE_TYPE="elsewhere")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[stores", "no TOML"),
        ("[shops.a]", "'shops'"),
        ("stores = 1", "no table of tables"),
        ("[stores.A]\ntype='local'", "stores.A is no name"),
        ("[stores.a]", "stores.a.type is missing"),
        ("[stores.a]\ntype='ftp'", "stores.a.type is 'ftp'"),
        ("[stores.s3]\ntype='s3'", "stores.s3.type"),
        ("[stores.a]\ntype='local'", "stores.a.path is missing"),
        ("[stores.a]\ntype='local'\npath='p'\npaht='q'", "stores.a.paht is unknown"),
        ("[stores.a]\ntype='s3'\nbucket='bucket'", "stores.a.access_key is missing"),
        (
            "[stores.a]\ntype='s3'\naccess_key='a'\nsecret_key_file='no-such'",
            "secret_key_file: .*no-such cannot be read",
        ),
        ("[stores.a]\ntype='s3'\naccess_key='a'\nsecret_key='s'\nbucket=['b']", "stores.a.bucket is neither text"),
        ("[stores.a]\ntype='gcs'\nbucket='x'", "stores.a.bucket is 'x'"),
        ("[stores.a]\ntype='gcs'\nbucket='bucket'\nprefix='../x'", "stores.a.prefix is no key prefix"),
        ("[stores.a]\ntype='azure'\ncontainer='objects'", "stores.a.account_key is missing"),
        ("[stores.a]\ntype='azure'\ncontainer='objects'\nsas_token='t'", "stores.a.account_name is missing"),
        ("[stores.a]\ntype='azure'\ncontainer='obj_s'", "stores.a.container is 'obj_s'"),
        ("[stores.a]\ntype='hcp'\nuser='u'", "stores.a.admin_url is missing"),
        ("[stores.a]\ntype='failover'\nstores=['local']", "two different stores"),
        ("[stores.a]\ntype='failover'\nstores=['local', 'no']", "stores.a.stores names 'no'"),
        ("[stores.a]\ntype='failover'\nstores=['local', 'a']", "itself a failover"),
        ("[stores.a]\ntype='failover'\nstores=['local', 's3']\nsecond_copy='maybe'", "stores.a.second_copy"),
        ("[stores.local]\ncache_seconds=-1", "stores.local.cache_seconds is -1"),
        ("[stores.local]\nbucket='b'", "stores.local.bucket is unknown"),
        ("[policies.p]\nstore='no'", "policies.p.store is 'no'"),
        ("[policies.p]\nkey_prefix='documents/more'", "policies.p.key_prefix is 'documents/more'"),
        ("[policies.p]\nstore='gcs'", "policies.p.store names 'gcs', which is not configured"),
        ("[policies.p]\nmax_size_env='X'", "policies.p.max_size_env is unknown"),
        ("[policies.p]\nallowed_types_file='x'", "policies.p.allowed_types_file is unknown"),
        (
            "[stores.a]\ntype='s3'\naccess_key='a'\nsecret_key_env='NO_SUCH'",
            "names NO_SUCH, which is not set",
        ),
        ("[stores.a]\ntype='s3'\naccess_key='a'\naccess_key_env='A'", "stores.a.access_key is given twice"),
        ("[stores.a]\ntype='s3'\nbucket_env='B'", "stores.a.bucket_env is unknown"),
        ("[stores.gcs]\ncache_seconds=5", "stores.gcs names 'gcs', which is not configured"),
        ("[policies.p]\nmaxsize=1", "policies.p.maxsize is unknown"),
        ("[policies.p]\nmax_size='big'", "policies.p.max_size is 'big'"),
        ("[policies.p]\nallowed_types=['pdf']", "policies.p.allowed_types has 'pdf'"),
        ("[policies.p]\nallowed_types='application/pdf'", "policies.p.allowed_types is no list"),
    ],
)
def test_what_is_wrong_is_told_by_its_name(read: Read, content: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        read(content)
    assert "\n" not in str(caught.value).strip()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("path = 'var/storage'", ""),
        ("path = 'var'", ""),
        ("path = 'var/storage/archive'", ""),
        ("path = 'one'", "path = 'one/two'"),
        ("bucket = 'bucket'", "bucket = 'bucket'"),
        ("bucket = 'bucket'", "bucket = 'bucket'\nprefix = 'archive'"),
        ("bucket = 'bucket'\nprefix = 'a/b'", "bucket = 'bucket'\nprefix = 'a'"),
    ],
)
def test_two_stores_are_two_places(read: Read, first: str, second: str) -> None:
    """Else one would list the other's objects, by keys that no row has."""

    def table(name: str, place: str) -> str:
        kind = "local" if "path" in place else "gcs"
        return f"[stores.{name}]\ntype = '{kind}'\n{place}\n" if place else ""

    with pytest.raises(ConfigurationError, match="one place"):
        read(table("one", first) + table("two", second))
    read(table("one", "bucket = 'bucket'\nprefix = 'a'") + table("two", "bucket = 'bucket'\nprefix = 'ab'"))


def test_a_file_that_is_not_there_is_told(read: Read) -> None:
    with pytest.raises(ConfigurationError, match=r"VAULT_STORAGE_FILE, .*no-such.toml, cannot be read"):
        read("", VAULT_STORAGE_FILE="no-such.toml")


def test_the_credentials_of_the_machine_need_no_keys(read: Read) -> None:
    chain = {"STORAGE_TYPE": "s3", "S3_BUCKET": "bucket", "S3_REGION": "eu-central-1", "S3_CREDENTIALS": "chain"}

    config = read("", **chain).s3
    assert config is not None
    assert config.storage_options()["access_key"] is None
    with pytest.raises(ConfigurationError, match="S3_CREDENTIALS is 'chain'"):
        read("", **chain, S3_ACCESS_KEY="a")
    with pytest.raises(ConfigurationError, match="S3_CREDENTIALS is 'machine'"):
        read("", **chain | {"S3_CREDENTIALS": "machine"})


@pytest.mark.parametrize("size", ["1048576", "5242879", "lots"])
def test_a_part_below_the_smallest_is_refused_at_the_start(read: Read, size: str) -> None:
    keys = {"S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "s", "S3_BUCKET": "bucket", "S3_REGION": "eu-central-1"}
    with pytest.raises(ConfigurationError, match="S3_PART_SIZE"):
        read("", **keys, S3_PART_SIZE=size)


def test_each_store_is_decorated_as_the_file_says(whole: VaultConfig) -> None:
    disk, local = wiring.storage_provider("disk"), wiring.storage_provider("local")

    assert isinstance(disk, SmallObjects)
    assert isinstance(disk.inner, Cached)
    assert isinstance(local, Cached)
    assert isinstance(undecorated(disk), LocalProvider)
    assert not isinstance(wiring.store_itself("disk"), Cached)
    assert wiring.storage_provider("disk") is disk
    with pytest.raises(UnsupportedOperation, match="disk"):
        require(disk, Presigning)


def test_a_failover_writes_two_copies_and_reads_the_second(whole: VaultConfig) -> None:
    both = wiring.storage_provider("both")
    assert isinstance(both, Failover)

    assert both.put_bytes("k", b"body").provider == "both"
    for member in ("local", "disk"):
        assert wiring.store_itself(member).get("k") == b"body"
    undecorated(both.providers[0]).delete("k")
    assert both.get("k") == b"body"
    # The archive has no alias in the settings of this test: it does not keep the others.
    assert {provider.name for provider in wiring.configured_providers()} >= {"disk", "own"}
    assert "both" not in {provider.name for provider in wiring.configured_providers()}


@pytest.mark.django_db(transaction=True)
def test_documents_live_in_a_failover(whole: VaultConfig, settings: Settings, store: Store) -> None:
    settings.VAULT = replace(settings.VAULT, storage_type="both")

    document = store(b"a payslip")

    attachment = document.current_attachment()
    assert attachment.storage_type == "both"
    assert document.owner is not None
    wiring.store_itself("local").delete(attachment.storage_path)
    with ObjectStorageService(document.owner).retrieve(document.id) as download:
        assert b"".join(map(bytes, download)) == b"a payslip"


def test_a_provider_of_ones_own_is_configured_by_its_class(whole: VaultConfig, read: Read, settings: Settings) -> None:
    provider: StorageProvider = wiring.storage_provider("own")
    assert isinstance(undecorated(provider), MemoryProvider)
    provider.put_bytes("k", b"x")
    with pytest.raises(ObjectExists):
        provider.put_bytes("k", b"y")

    config = read("[stores.own]\ntype = 'tests.documents.test_storage_file.Loud'\ntoken_env = 'ARCHIVE_SECRET'")
    assert "secret-canary" not in repr(config)
    settings.VAULT = replace(settings.VAULT, storage_file=config.storage_file)
    with pytest.raises(ConfigurationError, match=r"stores\.own.*OSError") as caught:
        wiring.storage_provider("own")
    assert "canary" not in str(caught.value)
    assert "own" not in {provider.name for provider in wiring.configured_providers()}

    for wrong in ("documents.storage.memory.Missing", "no.such.Provider", "builtins.dict", "datetime.timedelta"):
        config = read(f"[stores.own]\ntype = '{wrong}'")
        settings.VAULT = replace(settings.VAULT, storage_file=config.storage_file)
        with pytest.raises(ConfigurationError, match=r"stores\.own"):
            wiring.storage_provider("own")


class Loud:
    """Fails, and repeats the secret that it was given."""

    def __init__(self, *, name: str, token: str) -> None:
        raise OSError(f"{name} refuses {token}")


def test_policies_are_named(whole: VaultConfig) -> None:
    manager = wiring.storage_manager()

    rule = manager.policy("payslips")
    assert (rule.store, rule.max_size, rule.retention, rule.key_prefix) == (
        "disk", 1000, timedelta(days=3650), "payslips",
    )  # fmt: skip
    assert [rule.allows(kind) for kind in ("application/pdf", "image/png", "text/html")] == [True, True, False]
    assert manager.policy().store == wiring.vault_config().storage_type
    assert manager is wiring.storage_manager()
    wiring.reset()
    assert manager is not wiring.storage_manager()
