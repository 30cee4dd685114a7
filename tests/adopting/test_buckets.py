"""Documents of a bucket, by real requests: one that is a store of the vault, and one beside it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf import S3Config
from documents.conf.storage_file import StorageFile
from documents.models import Attachment, Document
from tests.adopting.older import CONTENT, adopt, content_of, counts_of, older_key_of, only_attachment
from tests.legacy.making import older_envelope
from tests.services.s3_server import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def bucket(
    settings: Settings, s3_server: S3Server, s3_client: "S3Client", s3_bucket: str, tmp_path: Path
) -> Iterator[str]:
    """A bucket with an older vault in it. New documents go to the local disk; the store ``s3`` is another bucket."""
    configured = S3Config(
        s3_server.access_key,
        s3_server.secret_key,
        bucket=f"{s3_bucket}-of-the-vault",
        region="us-east-1",
        endpoint_url=s3_server.endpoint_url,
    )
    settings.VAULT = replace(
        settings.VAULT, storage_type="local", local_storage_path=tmp_path / "storage", s3=configured
    )
    settings.STORAGES = {**settings.STORAGES, **settings.VAULT.storages_aliases()}
    wiring.reset()
    yield s3_bucket
    wiring.reset()


@pytest.fixture
def as_store(bucket: str, settings: Settings) -> str:
    """The same, configured as the store ``s3`` of the vault, below a prefix."""
    assert settings.VAULT.s3 is not None
    settings.VAULT = replace(settings.VAULT, s3=replace(settings.VAULT.s3, bucket=bucket, prefix="old"))
    settings.STORAGES = {**settings.STORAGES, **settings.VAULT.storages_aliases()}
    wiring.reset()
    return bucket


def objects_in(client: "S3Client", bucket: str) -> dict[str, bytes]:
    keys = [one["Key"] for one in client.list_objects_v2(Bucket=bucket).get("Contents", ())]
    return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def test_another_bucket_is_read_with_the_stores_credentials(bucket: str, s3_client: "S3Client", alice: User) -> None:
    for number in range(3):
        key = f"old/{older_key_of(alice, f'{number}_paper.txt_txt.json')}"
        s3_client.put_object(Bucket=bucket, Key=key, Body=older_envelope(b"%d" % number))
    s3_client.put_object(Bucket=bucket, Key="elsewhere/1_a.txt_txt.json", Body=b"{}")
    before = objects_in(s3_client, bucket)

    answer = adopt(f"s3://{bucket}/old/")

    assert (answer.status, counts_of(answer)) == (0, {"adopted": 3})
    assert {content_of(one) for one in Attachment.objects.all()} == {b"0", b"1", b"2"}
    assert counts_of(adopt(f"s3://{bucket}/old/documents/")) == {"already-adopted": 3}
    assert objects_in(s3_client, bucket) == before


def test_a_large_plain_object_comes_through(bucket: str, s3_client: "S3Client", alice: User) -> None:
    content = bytes(range(256)) * 40_000
    s3_client.put_object(Bucket=bucket, Key=f"user_{alice.pk}/2022/02/02/scan.tiff", Body=content)

    assert counts_of(adopt(f"s3://{bucket}", "--plain")) == {"adopted": 1}
    attachment = only_attachment()
    assert (attachment.content_type, content_of(attachment) == content) == ("image/tiff", True)


def test_a_store_of_the_vault_is_one_place_however_it_is_written(
    as_store: str, s3_client: "S3Client", alice: User
) -> None:
    s3_client.put_object(Bucket=as_store, Key=f"old/{older_key_of(alice)}", Body=older_envelope(CONTENT))

    assert counts_of(adopt(f"s3://{as_store}/old/documents/", "--in-place")) == {"registered": 1}
    attachment = only_attachment()
    assert (attachment.storage_type, attachment.storage_path) == ("s3", older_key_of(alice))
    assert content_of(attachment) == CONTENT
    assert counts_of(adopt("s3", "--in-place")) == {"already-adopted": 1}
    assert counts_of(adopt("s3:documents/user_")) == {"resealed": 1}
    assert content_of(only_attachment()) == CONTENT
    assert list(objects_in(s3_client, as_store)) == [f"old/{older_key_of(alice)}"]


@pytest.mark.parametrize("above", ["", "/", "/ol", "/old"])
def test_above_a_store_of_the_vault_nothing_is_adopted(as_store: str, s3_client: "S3Client", above: str) -> None:
    """Its key blocks and epochs would be plain files there, and its documents be adopted twice."""
    s3_client.put_object(Bucket=as_store, Key="old/keyblocks/notes.txt", Body=b"x")

    answer = adopt(f"s3://{as_store}{above}", "--plain", "--system")

    assert (answer.status, "The store 's3' of this vault is inside" in answer.said) == (2, True)
    assert not Document.objects.exists()


def test_what_another_vault_keeps_beside_its_documents_is_left_out(
    bucket: str, s3_client: "S3Client", alice: User
) -> None:
    vault, attachment = uuid4(), uuid4()
    object_key = f"documents/user_{alice.pk}/2026/01/02/{attachment}.vlt"
    own = (f"keyblocks/{attachment}.1", f"vault/{vault}/epochs/local/{1:020}", f"check/{vault}/7", object_key)
    for key in (*own, f"trash/{object_key}"):
        for above in ("", "theirs/"):
            s3_client.put_object(Bucket=bucket, Key=f"{above}{key}", Body=b"no envelope")
    s3_client.put_object(Bucket=bucket, Key=f"vault/user_{alice.pk}/check/trash.txt", Body=b"a person's")

    assert counts_of(adopt(f"s3://{bucket}", "--plain", "--system")) == {"left-out": 10, "adopted": 1}


def test_a_bucket_is_the_same_behind_another_endpoint(
    bucket: str, s3_client: "S3Client", s3_server: S3Server, settings: Settings, alice: User
) -> None:
    """It got another name, or a proxy: nothing in it is adopted a second time."""
    s3_client.put_object(Bucket=bucket, Key=older_key_of(alice), Body=older_envelope(CONTENT))
    assert counts_of(adopt(f"s3://{bucket}")) == {"adopted": 1}
    assert settings.VAULT.s3 is not None
    another = s3_server.endpoint_url.replace("127.0.0.1", "localhost")
    assert another != s3_server.endpoint_url
    settings.VAULT = replace(settings.VAULT, s3=replace(settings.VAULT.s3, endpoint_url=another))
    settings.STORAGES = {**settings.STORAGES, **settings.VAULT.storages_aliases()}
    wiring.reset()

    assert counts_of(adopt(f"s3://{bucket}")) == {"already-adopted": 1}


def test_of_a_bucket_elsewhere_with_a_stores_name_is_read_what_is_there(
    as_store: str, s3_client: "S3Client", settings: Settings, alice: User
) -> None:
    """A store is a place to read from, and has an endpoint: the bucket of the same name on another server is none."""
    s3_client.put_object(Bucket=as_store, Key=f"old/{older_key_of(alice)}", Body=older_envelope(CONTENT))
    assert settings.VAULT.s3 is not None
    here = replace(settings.VAULT.s3, bucket=f"{as_store}-more", prefix="")
    elsewhere = replace(settings.VAULT.s3, endpoint_url="http://127.0.0.1:1")
    settings.VAULT = replace(settings.VAULT, s3=elsewhere, storage_file=StorageFile(stores=(("here", here),)))
    settings.STORAGES = {**settings.STORAGES, **settings.VAULT.storages_aliases()}
    wiring.reset()

    assert counts_of(adopt(f"s3://{as_store}/old/", "--credentials", "here")) == {"adopted": 1}


def test_a_bucket_that_is_not_there_is_told(bucket: str) -> None:
    answer = adopt(f"s3://{bucket}-nowhere/")

    assert answer.status == 1
    assert "bucket" in answer.said.lower()
    assert not Document.objects.exists()
