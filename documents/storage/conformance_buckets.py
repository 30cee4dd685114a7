"""The part of the conformance suite that is about versions, access control lists and buckets.

``provider`` needs a bucket that nobody else uses, since its versioning is switched on: put these into a class beside
the one of ``ProviderConformance``, which names them in ``tested_elsewhere``.
"""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Protocol

import pytest

from documents.errors import ObjectExists, ObjectNotFound, StorageError, UnsupportedOperation
from documents.storage.base import StorageProvider
from documents.storage.bucket_capabilities import (
    EVERYBODY,
    AccessList,
    Acls,
    Buckets,
    CannedAcl,
    Grant,
    Permission,
    Versioning,
    VersioningState,
)
from documents.storage.conformance_samples import fresh_key


class VersionedProvider(StorageProvider, Versioning, Protocol): ...


class ListedProvider(StorageProvider, Acls, Protocol): ...


class VersioningConformance:
    @pytest.fixture
    def versioned(self, provider: VersionedProvider) -> Iterator[VersionedProvider]:
        provider.set_versioning(VersioningState.ENABLED)
        yield provider
        for version in provider.iter_versions("conformance/"):
            provider.delete_version(version.key, version.version_id)
        provider.set_versioning(VersioningState.SUSPENDED)

    def test_versioning_is_enabled_and_suspended_and_never_off_again(self, provider: VersionedProvider) -> None:
        provider.set_versioning(VersioningState.ENABLED)
        assert provider.versioning_state() is VersioningState.ENABLED
        provider.set_versioning(VersioningState.SUSPENDED)
        assert provider.versioning_state() is VersioningState.SUSPENDED
        with pytest.raises(UnsupportedOperation):
            provider.set_versioning(VersioningState.OFF)

    def test_a_deleted_object_is_still_there_as_a_version(self, versioned: VersionedProvider) -> None:
        key = fresh_key()
        versioned.put_bytes(key, b"kept")
        versioned.delete(key)
        assert not versioned.exists(key)
        marker, version = versioned.iter_versions(key)
        assert (marker.is_delete_marker, marker.is_current, marker.size) == (True, True, 0)
        assert (version.is_delete_marker, version.is_current, version.size) == (False, False, 4)
        assert version.modified_at.utcoffset() == timedelta(0)
        assert '"' not in version.etag
        with versioned.open_version(key, version.version_id) as reader:
            assert (reader.read(), reader.info.size) == (b"kept", 4)

    def test_without_its_marker_an_object_is_back(self, versioned: VersionedProvider) -> None:
        key = fresh_key()
        versioned.put_bytes(key, b"back")
        versioned.delete(key)
        marker = next(iter(versioned.iter_versions(key)))
        versioned.delete_version(key, marker.version_id)
        assert versioned.get(key) == b"back"

    def test_a_version_that_is_deleted_is_gone_for_good(self, versioned: VersionedProvider) -> None:
        key = fresh_key()
        versioned.put_bytes(key, b"x")
        [version] = versioned.iter_versions(key)
        versioned.delete_version(key, version.version_id)
        versioned.delete_version(key, version.version_id)
        assert list(versioned.iter_versions(key)) == []
        with pytest.raises(ObjectNotFound):
            versioned.open_version(key, version.version_id)

    def test_versions_are_listed_by_prefix(self, versioned: VersionedProvider) -> None:
        prefix = fresh_key()
        for number in range(3):
            versioned.put_bytes(f"{prefix}/{number}", b"x")
        assert [version.key for version in versioned.iter_versions(f"{prefix}/")] == [f"{prefix}/{n}" for n in range(3)]
        assert list(versioned.iter_versions("../")) == []


class AclConformance:
    def test_objects_are_their_owners_alone(self, provider: ListedProvider) -> None:
        key = fresh_key()
        provider.put_bytes(key, b"x")
        acl = provider.object_acl(key)
        assert acl.grants == (Grant(acl.owner, Permission.FULL_CONTROL),)

    def test_an_object_is_shared_and_made_private_again(self, provider: ListedProvider) -> None:
        key = fresh_key()
        provider.put_bytes(key, b"x")
        private = provider.object_acl(key)
        provider.set_object_acl(key, CannedAcl.PUBLIC_READ)
        assert Grant(EVERYBODY, Permission.READ) in provider.object_acl(key).grants
        provider.set_object_acl(key, private)
        assert provider.object_acl(key) == private

    def test_the_bucket_has_a_list_too(self, provider: ListedProvider) -> None:
        before = provider.bucket_acl()
        read = AccessList(before.owner, (*before.grants, Grant(EVERYBODY, Permission.READ)))
        provider.set_bucket_acl(read)
        assert set(provider.bucket_acl().grants) == set(read.grants)
        provider.set_bucket_acl(CannedAcl.PRIVATE)
        assert provider.bucket_acl() == before

    def test_what_is_not_there_has_no_list(self, provider: ListedProvider) -> None:
        with pytest.raises(ObjectNotFound):
            provider.object_acl(fresh_key())


class BucketsConformance:
    def test_a_bucket_is_made_listed_and_deleted(self, provider: Buckets) -> None:
        name = f"conformance-{uuid.uuid4()}"
        assert not provider.has_bucket(name)
        provider.create_bucket(name)
        assert provider.has_bucket(name)
        assert name in {bucket.name for bucket in provider.list_buckets()}
        provider.delete_bucket(name)
        provider.delete_bucket(name)
        assert not provider.has_bucket(name)

    def test_a_bucket_that_is_not_empty_is_not_deleted(self, provider: Buckets) -> None:
        assert isinstance(provider, StorageProvider)
        key, own = fresh_key(), self.bucket_of(provider)
        provider.put_bytes(key, b"x")
        with pytest.raises(StorageError):
            provider.delete_bucket(own)
        assert provider.get(key) == b"x"
        with pytest.raises(ObjectExists):
            provider.create_bucket(own)

    def bucket_of(self, provider: Buckets) -> str:
        """Return the name of the bucket that ``provider`` writes to."""
        raise NotImplementedError
