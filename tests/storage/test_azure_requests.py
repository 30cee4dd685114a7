"""What the Azure provider sends where azurite cannot show it: copies in blocks, tokens, and the aliases.

The server here answers as Microsoft documents ("Put Block From URL", "Put Block List", "Copy Blob From URL").
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.credentials import AccessToken
from azure.storage.blob import ContainerClient
from django.test import override_settings

from documents.errors import ConfigurationError, ObjectExists, UnsupportedOperation
from documents.storage.azure import AzureProvider
from documents.storage.azure_container import AzureContainer
from documents.storage.azure_copy import source_of
from documents.storage.azure_writer import BLOCK_SIZE
from documents.storage.capabilities import Multipart, Presigning, UnfinishedWrites, require
from tests.services.azurite import ACCOUNT, ACCOUNT_KEY
from tests.services.fixtures import azure_client_for

SIZE = 1_000
CONNECTION = f"DefaultEndpointsProtocol=https;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};EndpointSuffix=example.org"


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class AzureRecorder:
    """Says that every object has ``SIZE`` bytes, and refuses to commit blocks with ``commit_refusal``."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    commit_refusal: str = ""


@contextmanager
def recording() -> Iterator[AzureRecorder]:
    class Handler(_Handler):
        recorder = AzureRecorder()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Handler.recorder.url = f"http://127.0.0.1:{server.server_port}/{ACCOUNT}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield Handler.recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    recorder: AzureRecorder

    def handle_any(self) -> None:
        split = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(split.query)
        self.recorder.requests.append(Request(self.command, split.path, query, headers, body))
        is_copy = "x-ms-copy-source" in headers and "comp" not in query
        status = self._status(query, is_copy=is_copy)
        self.send_response_only(status)
        if status == 409:
            self.send_header("x-ms-error-code", self.recorder.commit_refusal)
        self.send_header("ETag", '"0x1"')
        self.send_header("Last-Modified", "Sat, 21 Nov 2026 10:00:00 GMT")
        if is_copy:
            self.send_header("x-ms-copy-status", "success")
        self.send_header("Content-Length", str(SIZE) if self.command == "HEAD" else "0")
        self.end_headers()

    def _status(self, query: dict[str, list[str]], *, is_copy: bool) -> int:
        if self.command == "HEAD":
            return 200
        if query.get("comp") == ["blocklist"]:
            return 409 if self.recorder.commit_refusal else 201
        return 202 if is_copy else 201

    do_HEAD = do_PUT = handle_any  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class Token:
    """Stands for the credentials of azure-identity."""

    def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        assert scopes == ("https://storage.azure.com/.default",)
        return AccessToken("a-token", 2**31)


class SmallCopies(AzureProvider):
    """Azure's limits in little."""

    largest_copy = 100
    copy_part_size = 400


@pytest.fixture
def recorder() -> Iterator[AzureRecorder]:
    with recording() as recorder:
        yield recorder


def test_a_large_copy_is_staged_from_the_source_in_parts(recorder: AzureRecorder) -> None:
    provider = SmallCopies(client=azure_client_for(recorder.url, "vault"))
    assert provider.copy("source", "copy").size == SIZE
    blocks = [request for request in recorder.requests if request.query.get("comp") == ["block"]]
    assert [block.headers["x-ms-source-range"] for block in blocks] == ["bytes=0-399", "bytes=400-799", "bytes=800-999"]
    assert {block.headers["x-ms-source-if-match"] for block in blocks} == {'"0x1"'}
    for block in blocks:
        url = urlsplit(block.headers["x-ms-copy-source"])
        assert url.path == f"/{ACCOUNT}/vault/source"
        assert (parse_qs(url.query)["sp"], "sig" in parse_qs(url.query)) == (["r"], True)
    [commit] = [request for request in recorder.requests if request.query.get("comp") == ["blocklist"]]
    assert (commit.path, commit.headers["if-none-match"]) == (f"/{ACCOUNT}/vault/copy", "*")
    ids = [block.query["blockid"][0] for block in blocks]
    assert [commit.body.find(block_id.encode()) > 0 for block_id in ids] == [True] * 3
    assert len({len(block_id) for block_id in ids}) == 1


@pytest.mark.parametrize("refusal", ["BlobAlreadyExists", "InvalidBlockList"])
def test_a_large_copy_never_overwrites(recorder: AzureRecorder, refusal: str) -> None:
    recorder.commit_refusal = refusal
    with pytest.raises(ObjectExists):
        SmallCopies(client=azure_client_for(recorder.url, "vault", retry_total=0)).copy("source", "copy")


def test_a_small_copy_is_one_request_that_ends_with_the_copy(recorder: AzureRecorder) -> None:
    AzureProvider(client=azure_client_for(recorder.url, "vault")).copy("source", "copy")
    [copy] = [request for request in recorder.requests if request.method == "PUT"]
    assert copy.headers["x-ms-requires-sync"].lower() == "true"
    assert (copy.headers["if-none-match"], copy.headers["x-ms-source-if-match"]) == ("*", '"0x1"')


def test_a_token_authorises_the_source_of_a_copy() -> None:
    client = ContainerClient("https://account.example.org", "vault", credential=Token())
    source = source_of(AzureContainer(client, "", "azure").blob("source"))
    assert (source.url, source.authorization) == ("https://account.example.org/vault/source", "Bearer a-token")


def test_credentials_that_authorise_nobody_else_cannot_copy(recorder: AzureRecorder) -> None:
    anonymous = ContainerClient(recorder.url, "vault")
    with pytest.raises(UnsupportedOperation, match="credentials"):
        AzureProvider(client=anonymous).copy("source", "copy")


def test_writes_are_conditional_and_carry_a_checksum(recorder: AzureRecorder) -> None:
    provider = AzureProvider(client=azure_client_for(recorder.url, "vault"))
    provider.put_bytes("small", b"x" * SIZE)
    with provider.open_writer("large") as writer:
        writer.write(bytes(BLOCK_SIZE + 1))
    put, block = recorder.requests
    assert (put.headers["if-none-match"], put.headers["x-ms-blob-type"]) == ("*", "BlockBlob")
    assert (put.method, block.query["comp"], int(block.headers["content-length"])) == ("PUT", ["block"], BLOCK_SIZE)
    assert "content-md5" in put.headers
    assert "content-md5" in block.headers


@pytest.mark.parametrize("capability", [Presigning, Multipart, UnfinishedWrites])
def test_what_azure_cannot_promise_is_not_claimed(capability: type) -> None:
    provider = AzureProvider(client=azure_client_for("https://account.example.org", "vault"))
    with pytest.raises(UnsupportedOperation, match=capability.__name__):
        require(provider, capability)


def alias(**options: object) -> dict[str, object]:
    return {"azure": {"BACKEND": "storages.backends.azure_storage.AzureStorage", "OPTIONS": options}}


@pytest.mark.parametrize(
    "options",
    [
        {"account_name": ACCOUNT, "account_key": ACCOUNT_KEY, "endpoint_suffix": "example.org"},
        {"connection_string": CONNECTION},
    ],
    ids=["account", "connection string"],
)
def test_it_is_built_from_an_alias(options: dict[str, object]) -> None:
    with override_settings(STORAGES=alias(azure_container="vault", location="a vault", **options)):
        provider = AzureProvider.from_storages(name="archive")
    assert (provider.name, provider.container.prefix) == ("archive", "a vault/")
    assert provider.container.client.url == f"https://{ACCOUNT}.blob.example.org/vault"
    assert getattr(provider.container.client._config.retry_policy, "initial_backoff", None) == 1


@pytest.mark.parametrize(
    "storages",
    [
        {},
        alias(account_name="a"),
        alias(azure_container="vault", connection_string="nonsense"),
        {"azure": {"BACKEND": "django.core.files.storage.FileSystemStorage"}},
        {"azure": {"BACKEND": "storages.backends.no_such.Storage"}},
    ],
)
def test_an_alias_that_is_none_of_azure_is_a_configuration_error(storages: dict[str, object]) -> None:
    with override_settings(STORAGES=storages), pytest.raises(ConfigurationError, match=r"[Aa]zure"):
        AzureProvider.from_storages()
