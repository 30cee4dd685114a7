"""What the GCS provider sends and how it goes through pages, parts and prefixes, on a server that remembers it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import override_settings

from documents.errors import ConfigurationError, ObjectExists, ObjectNotFound, StorageAccessDenied, UnsupportedOperation
from documents.storage.capabilities import Multipart, Presigning, UnfinishedWrites, require
from documents.storage.conformance_samples import body_of, fresh_key
from documents.storage.gcs import GcsProvider
from tests.services.fixtures import gcs_client_for
from tests.storage.gcs_server import LISTED_AT_ONCE, REWRITTEN_AT_ONCE, GcsServer, gcs_server

MIB = 1024 * 1024


@pytest.fixture
def server() -> Iterator[GcsServer]:
    with gcs_server() as server:
        server.create_bucket("vault")
        yield server


@pytest.fixture
def provider(server: GcsServer) -> GcsProvider:
    return provider_of(server)


def provider_of(server: GcsServer, prefix: str = "") -> GcsProvider:
    client = gcs_client_for(server.endpoint_url)
    return GcsProvider(client=client, bucket="vault", prefix=prefix, patience=timedelta(seconds=1))


def test_a_small_object_is_one_request_on_condition(server: GcsServer, provider: GcsProvider) -> None:
    provider.put_stream("small", [b"x" * 1_000])
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/upload/storage/v1/b/vault/o")
    assert (request.query["uploadType"], request.query["ifGenerationMatch"]) == ("multipart", "0")
    assert b'"crc32c"' in request.body


def test_a_large_object_is_one_session_on_condition(server: GcsServer, provider: GcsProvider) -> None:
    provider.put_stream("large", [body_of(17 * MIB)])
    begin, *parts = server.requests
    assert (begin.query["uploadType"], begin.query["ifGenerationMatch"]) == ("resumable", "0")
    assert [part.headers["content-range"] for part in parts] == [
        f"bytes 0-{8 * MIB - 1}/*",
        f"bytes {8 * MIB}-{16 * MIB - 1}/*",
        f"bytes {16 * MIB}-{17 * MIB - 1}/{17 * MIB}",
    ]
    assert ["x-goog-hash" in part.headers for part in parts] == [False, False, True]


def test_what_the_store_did_not_take_of_a_part_is_sent_again(server: GcsServer, provider: GcsProvider) -> None:
    body = body_of(17 * MIB)
    server.persist = lambda size: min(size, 3 * MIB)
    assert provider.put_stream("slowly", [body]).size == len(body)
    assert provider.get("slowly") == body


def test_a_session_loses_to_an_object_that_came_meanwhile(server: GcsServer, provider: GcsProvider) -> None:
    with provider.open_writer("raced") as late:
        late.write(body_of(9 * MIB))
        provider.put_bytes("raced", b"early")
        with pytest.raises(ObjectExists) as caught:
            late.commit()
    assert caught.value.checksum.startswith("sha256:")
    assert provider.get("raced") == b"early"


def test_an_aborted_session_is_cancelled(server: GcsServer, provider: GcsProvider) -> None:
    with provider.open_writer("never") as writer:
        writer.write(body_of(9 * MIB))
        assert len(server.sessions) == 1
    assert server.sessions == {}


def test_a_read_asks_for_windows_of_one_generation(server: GcsServer, provider: GcsProvider) -> None:
    provider.put_stream("read", [body_of(9 * MIB)])
    generation = provider.head("read").etag
    server.requests.clear()
    with provider.open("read", start=MIB) as reader:
        assert reader.read() == body_of(9 * MIB)[MIB:]
    _, *windows = server.requests
    assert [window.headers["range"] for window in windows] == [
        f"bytes={MIB}-{5 * MIB - 1}",
        f"bytes={5 * MIB}-{9 * MIB - 1}",
    ]
    assert {window.query["ifGenerationMatch"] for window in windows} == {generation}


def test_a_large_copy_goes_on_until_the_store_is_done(server: GcsServer, provider: GcsProvider) -> None:
    body = body_of(REWRITTEN_AT_ONCE + 1)
    provider.put_bytes("source", body)
    server.requests.clear()
    assert provider.copy("source", "copy").size == len(body)
    steps = [request for request in server.requests if "/rewriteTo/" in request.path]
    assert ["rewriteToken" in step.query for step in steps] == [False, True]
    generation = provider.head("source").etag
    conditions = {(step.query["ifGenerationMatch"], step.query["ifSourceGenerationMatch"]) for step in steps}
    assert conditions == {("0", generation)}


@pytest.mark.parametrize("etag", ["0", "", "00", "-1", "CJ+xyz==", "9" * 30])
def test_an_etag_that_is_no_generation_never_writes(server: GcsServer, provider: GcsProvider, etag: str) -> None:
    with pytest.raises(ObjectNotFound):
        provider.replace("absent", b"x", etag=etag)
    provider.put_bytes("there", b"old")
    with pytest.raises(ObjectExists):
        provider.replace("there", b"x", etag=etag)
    assert provider.get("there") == b"old"
    assert not provider.exists("absent")


def test_deletions_go_a_hundred_to_a_request(server: GcsServer, provider: GcsProvider) -> None:
    keys = [fresh_key() for _ in range(201)]
    assert all(deletion.error is None for deletion in provider.delete_many(keys))
    assert [request.path for request in server.requests].count("/batch/storage/v1") == 3


def test_listing_goes_over_pages_and_passes_over_foreign_objects(server: GcsServer) -> None:
    one, other = provider_of(server, "one"), provider_of(server, "one-more")
    other.put_bytes("k", b"2")
    gcs_client_for(server.endpoint_url).bucket("vault").blob("one/folder/").upload_from_string(b"")
    names = {f"folder/{number}" for number in range(LISTED_AT_ONCE + 3)}
    for name in names:
        one.put_bytes(name, b"")
    assert {info.key for info in one.iter_locations()} == names
    assert {info.key for info in other.iter_locations()} == {"k"}


@pytest.mark.parametrize("capability", [Presigning, Multipart, UnfinishedWrites])
def test_what_gcs_cannot_promise_is_not_claimed(provider: GcsProvider, capability: type) -> None:
    with pytest.raises(UnsupportedOperation, match=capability.__name__):
        require(provider, capability)


def alias(**options: object) -> dict[str, object]:
    return {"gcs": {"BACKEND": "storages.backends.gcloud.GoogleCloudStorage", "OPTIONS": options}}


def test_it_is_built_from_an_alias(server: GcsServer) -> None:
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415

    options = {"bucket_name": "vault", "project_id": "p", "credentials": AnonymousCredentials(), "location": "a vault"}
    with override_settings(STORAGES=alias(**options)):
        provider = GcsProvider.from_storages(name="archive")
    assert (provider.name, provider.bucket.name, provider.bucket.prefix) == ("archive", "vault", "a vault/")


@pytest.mark.parametrize(
    "storages",
    [
        {},
        alias(),
        {"gcs": {"BACKEND": "django.core.files.storage.FileSystemStorage"}},
        {"gcs": {"BACKEND": "storages.backends.no_such.Storage"}},
    ],
)
def test_an_alias_that_is_none_of_gcs_is_a_configuration_error(storages: dict[str, object]) -> None:
    with override_settings(STORAGES=storages), pytest.raises(ConfigurationError, match="gcs"):
        GcsProvider.from_storages()


def test_missing_credentials_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path_factory.mktemp("none") / "absent.json"))
    with (
        override_settings(STORAGES=alias(bucket_name="vault")),
        pytest.raises(StorageAccessDenied, match="service acc"),
    ):
        GcsProvider.from_storages()
