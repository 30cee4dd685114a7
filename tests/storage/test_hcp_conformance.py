"""The published suite on HCP's S3 compatible API, as the fake HCP of the tests speaks it over HTTP.

The fake checks signatures with HCP's keys, refuses a bulk deletion without Content-MD5, lists folders among objects,
tells errors inside a 200 and leaves out of its lists what HCP leaves out.
"""

from collections.abc import Iterator

import pytest
from botocore.config import Config
from django.core.files.storage import storages
from django.test import override_settings

from documents.storage.base import StorageProvider
from documents.storage.bucket_capabilities import Buckets
from documents.storage.conformance import ProviderConformance
from documents.storage.conformance_buckets import AclConformance, BucketsConformance, VersioningConformance
from documents.storage.conformance_capabilities import (
    ConditionalCreateConformance,
    MultipartConformance,
    PresigningConformance,
    PresigningEnforcedConformance,
    UnfinishedWritesConformance,
)
from documents.storage.conformance_changes import BulkDeleteConformance, CopyingConformance
from documents.storage.conformance_listing import OrderedListingConformance
from documents.storage.hcp import HcpProvider
from documents.storage.hcp_credentials import storage_options
from tests.storage.fake_hcp import NAMESPACE, PASSWORD, USER, FakeHcp, fake_hcp


@pytest.fixture(scope="module")
def running_hcp() -> Iterator[FakeHcp]:
    with fake_hcp() as hcp:
        yield hcp


@pytest.fixture(autouse=True)
def hcp(running_hcp: FakeHcp) -> FakeHcp:
    running_hcp.reset()
    return running_hcp


@pytest.fixture(scope="module")
def built(running_hcp: FakeHcp) -> HcpProvider:
    """The provider as a deployment has it, out of STORAGES."""
    options = storage_options(endpoint_url=running_hcp.url, namespace=NAMESPACE, user=USER, password=PASSWORD)
    # HCP tells some refusals inside a 200, which botocore tries again: once is enough here.
    patience = Config(retries={"mode": "standard", "total_max_attempts": 1})
    settings = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {**options, "client_config": patience}}
    with override_settings(STORAGES={**storages.backends, "hcp": settings}):
        return HcpProvider.from_storages("hcp")


class TestHcpProvider(
    ProviderConformance,
    ConditionalCreateConformance,
    CopyingConformance,
    BulkDeleteConformance,
    OrderedListingConformance,
    MultipartConformance,
    PresigningConformance,
    PresigningEnforcedConformance,
    UnfinishedWritesConformance,
):
    tested_elsewhere = (VersioningConformance, AclConformance, BucketsConformance)

    @pytest.fixture
    def provider(self, built: HcpProvider) -> StorageProvider:
        return built


class TestHcpNamespaces(VersioningConformance, AclConformance, BucketsConformance):
    @pytest.fixture
    def provider(self, built: HcpProvider) -> StorageProvider:
        return built

    def bucket_of(self, provider: Buckets) -> str:
        assert isinstance(provider, HcpProvider)
        return provider.bucket.name


class TestHcpBeforeConditions(ProviderConformance, ConditionalCreateConformance):
    """A namespace without versions that ignores If-None-Match: 409 alone keeps objects from being overwritten."""

    tested_elsewhere = (
        *(VersioningConformance, AclConformance, BucketsConformance, CopyingConformance, BulkDeleteConformance),
        *(MultipartConformance, PresigningConformance, OrderedListingConformance, UnfinishedWritesConformance),
    )

    @pytest.fixture
    def provider(self, hcp: FakeHcp, built: HcpProvider) -> Iterator[StorageProvider]:
        hcp.s3.knows_conditions = False
        yield built
        hcp.s3.knows_conditions = True
