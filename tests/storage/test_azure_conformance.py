"""The published suite on azurite, Microsoft's own stand-in, which checks keys, signatures and conditions."""

from uuid import uuid4

import pytest

from documents.storage.azure import AzureProvider
from documents.storage.base import StorageProvider
from documents.storage.conformance import ProviderConformance
from documents.storage.conformance_capabilities import ConditionalCreateConformance
from documents.storage.conformance_changes import BulkDeleteConformance, CompareAndSetConformance, CopyingConformance
from tests.services.fixtures import azure_client_for


class TestAzureProvider(
    ProviderConformance,
    ConditionalCreateConformance,
    CompareAndSetConformance,
    CopyingConformance,
    BulkDeleteConformance,
):
    @pytest.fixture
    def provider(self, azure_url: str) -> StorageProvider:
        client = azure_client_for(azure_url, f"test-{uuid4()}")
        client.create_container()
        return AzureProvider(client=client, prefix="a vault/objects")
