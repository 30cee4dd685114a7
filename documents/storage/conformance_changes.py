"""The part of the conformance suite that is about copies, bulk deletions and the few objects that change."""

from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import pytest

from documents.errors import InvalidObjectKey, ObjectExists, ObjectNotFound
from documents.storage.base import StorageProvider
from documents.storage.capabilities import BulkDelete, CompareAndSet, Copying
from documents.storage.conformance_samples import body_of, fresh_key


class CopyingProvider(StorageProvider, Copying, Protocol): ...


class BulkDeletingProvider(StorageProvider, BulkDelete, Protocol): ...


class ComparingProvider(StorageProvider, CompareAndSet, Protocol): ...


class CopyingConformance:
    def test_a_copy_is_an_object_of_its_own(self, provider: CopyingProvider) -> None:
        source, key, body = fresh_key(), fresh_key(), body_of(300_000)
        provider.put_bytes(source, body)
        info = provider.copy(source, key)
        assert (info.key, info.size) == (key, len(body))
        provider.delete(source)
        assert provider.get(key) == body

    def test_a_copy_never_overwrites(self, provider: CopyingProvider) -> None:
        source, key = fresh_key(), fresh_key()
        provider.put_bytes(source, b"new")
        provider.put_bytes(key, b"old")
        for target in (key, source):
            with pytest.raises(ObjectExists):
                provider.copy(source, target)
        assert (provider.get(key), provider.get(source)) == (b"old", b"new")

    def test_what_is_not_there_is_not_copied(self, provider: CopyingProvider) -> None:
        key = fresh_key()
        with pytest.raises(ObjectNotFound):
            provider.copy(fresh_key(), key)
        assert not provider.exists(key)

    def test_a_copy_to_a_hostile_key_is_refused(self, provider: CopyingProvider) -> None:
        source = fresh_key()
        provider.put_bytes(source, b"x")
        for target in ("../outside", "", "/etc/passwd"):
            with pytest.raises(InvalidObjectKey):
                provider.copy(source, target)

    def test_an_empty_object_is_copied(self, provider: CopyingProvider) -> None:
        source, key = fresh_key(), fresh_key()
        provider.put_bytes(source, b"")
        assert provider.copy(source, key).size == 0


class BulkDeleteConformance:
    def test_each_key_is_told_its_outcome(self, provider: BulkDeletingProvider) -> None:
        there, never_there, hostile = fresh_key(), fresh_key(), "../outside"
        provider.put_bytes(there, b"x")
        outcomes = {deletion.key: deletion.error for deletion in provider.delete_many([there, hostile, never_there])}
        assert outcomes.keys() == {there, hostile, never_there}
        assert (outcomes[there], outcomes[never_there]) == (None, None)
        assert isinstance(outcomes[hostile], InvalidObjectKey)
        assert not provider.exists(there)

    def test_more_keys_than_one_request_takes(self, provider: BulkDeletingProvider) -> None:
        prefix = fresh_key()
        keys = [f"{prefix}/{number}" for number in range(1_001)]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda key: provider.put_bytes(key, b""), (keys[0], keys[500], keys[-1])))
        assert [deletion.error for deletion in provider.delete_many(iter(keys))] == [None] * len(keys)
        assert list(provider.iter_locations(f"{prefix}/")) == []

    def test_nothing_to_delete_is_nothing(self, provider: BulkDeletingProvider) -> None:
        assert list(provider.delete_many([])) == []

    def test_what_is_not_asked_for_is_not_deleted(self, provider: BulkDeletingProvider) -> None:
        key = fresh_key()
        provider.put_bytes(key, b"x")
        provider.delete_many([key])
        assert provider.exists(key)


class CompareAndSetConformance:
    def test_the_body_that_was_seen_is_replaced(self, provider: ComparingProvider) -> None:
        key = fresh_key()
        provider.put_bytes(key, b"1")
        info = provider.replace(key, b"second", etag=provider.head(key).etag)
        assert (info.size, info.etag) == (6, provider.head(key).etag)
        assert provider.get(key) == b"second"

    def test_a_body_that_changed_meanwhile_is_not_replaced(self, provider: ComparingProvider) -> None:
        key = fresh_key()
        provider.put_bytes(key, b"1")
        seen = provider.head(key).etag
        provider.replace(key, b"2", etag=seen)
        with pytest.raises(ObjectExists):
            provider.replace(key, b"3", etag=seen)
        assert provider.get(key) == b"2"

    def test_what_is_not_there_is_not_replaced(self, provider: ComparingProvider) -> None:
        key = fresh_key()
        with pytest.raises(ObjectNotFound):
            provider.replace(key, b"1", etag="0" * 32)
        assert not provider.exists(key)

    def test_of_racing_replacements_one_wins(self, provider: ComparingProvider) -> None:
        key = fresh_key()
        provider.put_bytes(key, b"start")
        seen = provider.head(key).etag

        def race(number: int) -> bool:
            try:
                provider.replace(key, f"winner {number}".encode(), etag=seen)
            except ObjectExists:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            won = list(threads.map(race, range(8)))
        assert won.count(True) == 1
        assert provider.get(key) == f"winner {won.index(True)}".encode()
