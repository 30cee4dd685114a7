"""The published suite on azurite, Microsoft's own stand-in, which checks keys, signatures and conditions."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from documents.errors import ObjectExists, StorageAccessDenied
from documents.storage.azure import AzureProvider
from documents.storage.base import StorageProvider
from documents.storage.conformance import ProviderConformance
from documents.storage.conformance_capabilities import ConditionalCreateConformance
from documents.storage.conformance_changes import BulkDeleteConformance, CompareAndSetConformance, CopyingConformance
from documents.storage.conformance_samples import body_of, fresh_key
from documents.storage.hashing import checksum_of
from tests.services.azurite import ACCOUNT, ACCOUNT_KEY
from tests.services.fixtures import azure_client_for
from tests.storage.cloud_calls import memory_of_a_large_object


class TestAzureProvider(
    ProviderConformance,
    ConditionalCreateConformance,
    CompareAndSetConformance,
    CopyingConformance,
    BulkDeleteConformance,
):
    @pytest.fixture
    def provider(self, azure_url: str) -> StorageProvider:
        return in_new_container(azure_url)


def in_new_container(azure_url: str, prefix: str = "a vault/objects") -> AzureProvider:
    client = azure_client_for(azure_url, f"test-{uuid4()}")
    client.create_container()
    return AzureProvider(client=client, prefix=prefix)


def test_a_large_object_needs_no_large_memory(azure_url: str) -> None:
    assert memory_of_a_large_object(in_new_container(azure_url), 128 * 1024 * 1024) < 48 * 1024 * 1024


def test_listing_goes_over_pages_and_passes_over_foreign_objects(azure_url: str) -> None:
    provider = in_new_container(azure_url, prefix="one")
    other = AzureProvider(client=provider.container.client, prefix="one-more")
    other.put_bytes("k", b"2")
    provider.container.client.upload_blob("one/folder/", b"")
    names = {f"folder/{number}" for number in range(103)}
    for name in names:
        provider.put_bytes(name, b"")
    provider.listed_at_once = 10
    assert {info.key for info in provider.iter_locations()} == names
    assert [info.key for info in other.iter_locations()] == ["k"]


@pytest.mark.parametrize("body", [b"", b"small"])
def test_a_small_object_is_put_beside_blocks_that_nobody_committed(azure_url: str, body: bytes) -> None:
    provider, key = in_new_container(azure_url), fresh_key()
    killed = provider.open_writer(key)
    killed.write(body_of(9 * 1024 * 1024))
    assert provider.put_bytes(key, body).size == len(body)
    assert provider.get(key) == body
    with pytest.raises(ObjectExists):
        killed.commit()


def test_of_two_writers_of_a_large_object_one_wins(azure_url: str) -> None:
    provider, key, body = in_new_container(azure_url), fresh_key(), body_of(9 * 1024 * 1024)
    with provider.open_writer(key) as one, provider.open_writer(key) as other:
        one.write(body)
        other.write(body[::-1])
        one.commit()
        with pytest.raises(ObjectExists) as caught:
            other.commit()
    assert caught.value.checksum == checksum_of(body[::-1])
    assert provider.get(key) == body


def test_a_shared_access_signature_copies_too(azure_url: str) -> None:
    provider, source = in_new_container(azure_url), fresh_key()
    provider.put_bytes(source, b"sealed")
    container = provider.container.client
    signature = generate_container_sas(
        ACCOUNT, container.container_name, account_key=ACCOUNT_KEY,
        permission=ContainerSasPermissions(read=True, write=True, create=True, list=True),
        expiry=datetime.now(UTC) + timedelta(minutes=5),
    )  # fmt: skip
    signed = AzureProvider(
        client=azure_client_for(azure_url, container.container_name, credential=signature), prefix="a vault/objects"
    )
    assert signed.copy(source, f"{source}/copy").size == 6
    assert signed.get(f"{source}/copy") == b"sealed"
    with pytest.raises(StorageAccessDenied):
        signed.delete(source)


def test_an_expired_signature_is_told(azure_url: str) -> None:
    provider = in_new_container(azure_url)
    container = provider.container.client
    signature = generate_container_sas(
        ACCOUNT, container.container_name, account_key=ACCOUNT_KEY, permission=ContainerSasPermissions(read=True),
        expiry=datetime.now(UTC) - timedelta(minutes=5),
    )  # fmt: skip
    expired = AzureProvider(client=azure_client_for(azure_url, container.container_name, credential=signature))
    with pytest.raises(StorageAccessDenied, match="clock"):
        expired.get("anything")
