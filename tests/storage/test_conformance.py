"""The published suite, on the providers that need no server."""

from pathlib import Path

import pytest

from documents.storage.base import StorageProvider
from documents.storage.conformance import ProviderConformance
from documents.storage.conformance_capabilities import (
    ConditionalCreateConformance,
    FreeSpaceConformance,
    MultipartConformance,
    UnfinishedWritesConformance,
)
from documents.storage.conformance_changes import BulkDeleteConformance, CompareAndSetConformance, CopyingConformance
from documents.storage.conformance_listing import OrderedListingConformance
from documents.storage.local import LocalProvider
from documents.storage.memory import MemoryProvider


class TestLocalProvider(
    ProviderConformance,
    ConditionalCreateConformance,
    CopyingConformance,
    BulkDeleteConformance,
    OrderedListingConformance,
    UnfinishedWritesConformance,
    FreeSpaceConformance,
):
    @pytest.fixture
    def provider(self, tmp_path: Path) -> StorageProvider:
        return LocalProvider(tmp_path)


class TestMemoryProvider(
    ProviderConformance,
    ConditionalCreateConformance,
    CompareAndSetConformance,
    CopyingConformance,
    BulkDeleteConformance,
    OrderedListingConformance,
    MultipartConformance,
    UnfinishedWritesConformance,
):
    @pytest.fixture
    def provider(self) -> StorageProvider:
        return MemoryProvider()
