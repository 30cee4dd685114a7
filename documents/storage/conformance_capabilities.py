"""The part of the conformance suite that is about capabilities: one class for each protocol in ``capabilities.py``.

``PresigningConformance`` speaks HTTP to the URLs that the provider signs, so it proves what the store enforces.
"""

import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier

import pytest

from documents.errors import InvalidObjectKey, ObjectExists, ObjectNotFound, StorageError
from documents.storage.base import StorageProvider
from documents.storage.bucket_capabilities import Acls, Buckets, Versioning
from documents.storage.capabilities import (
    BulkDelete,
    CompareAndSet,
    ConditionalCreate,
    Copying,
    FreeSpace,
    Multipart,
    MultipartProvider,
    OrderedListing,
    Part,
    Presigning,
    UnfinishedWrites,
)
from documents.storage.conformance_buckets import AclConformance, BucketsConformance, VersioningConformance
from documents.storage.conformance_changes import BulkDeleteConformance, CompareAndSetConformance, CopyingConformance
from documents.storage.conformance_listing import OrderedListingConformance
from documents.storage.conformance_samples import body_of, fresh_key


class ConditionalCreateConformance:
    def test_put_if_absent_creates_once(self, provider: ConditionalCreate) -> None:
        key = fresh_key()
        assert provider.put_if_absent(key, b"first").size == 5
        with pytest.raises(ObjectExists):
            provider.put_if_absent(key, b"second")

    def test_of_racing_creators_one_wins(self, provider: ConditionalCreate) -> None:
        assert isinstance(provider, StorageProvider)
        for _ in range(5):
            key, start = fresh_key(), Barrier(2)
            with ThreadPoolExecutor(2) as writers:
                won = list(writers.map(partial(_creates, provider, key, start), (b"one", b"two")))
            assert sorted(won) == [False, True]
            assert provider.get(key) == (b"one" if won[0] else b"two")


def _creates(provider: ConditionalCreate, key: str, start: Barrier, body: bytes) -> bool:
    start.wait(30)
    try:
        provider.put_if_absent(key, body)
    except ObjectExists:
        return False
    return True


class MultipartConformance:
    def test_parts_become_one_object(self, provider: MultipartProvider) -> None:
        key, body = fresh_key(), body_of(provider.min_part_size + 3)
        upload_id = provider.create_multipart(key)
        parts = upload(provider, key, upload_id, body)
        assert [part.size for part in parts] == [provider.min_part_size, 3]
        assert list(provider.list_parts(key, upload_id)) == parts
        assert not provider.exists(key)
        info = provider.complete_multipart(key, upload_id, parts)
        assert (info.key, info.size) == (key, len(body))
        assert provider.get(key) == body

    def test_completing_refuses_to_forge_parts(self, provider: MultipartProvider) -> None:
        key = fresh_key()
        upload_id = provider.create_multipart(key)
        part = provider.upload_part(key, upload_id, 1, b"real")
        with pytest.raises(StorageError):
            provider.complete_multipart(key, upload_id, [Part(part.number, "0" * 32, part.size)])
        assert not provider.exists(key)
        provider.abort_multipart(key, upload_id)

    def test_completing_refuses_small_parts_before_the_last(self, provider: MultipartProvider) -> None:
        key = fresh_key()
        upload_id = provider.create_multipart(key)
        parts = [provider.upload_part(key, upload_id, number, b"small") for number in (1, 2)]
        with pytest.raises(StorageError):
            provider.complete_multipart(key, upload_id, parts)
        assert not provider.exists(key)
        provider.abort_multipart(key, upload_id)

    def test_unfinished_uploads_are_listed_until_aborted(self, provider: MultipartProvider) -> None:
        key = fresh_key()
        upload_id = provider.create_multipart(key)
        provider.upload_part(key, upload_id, 1, b"x")
        [(listed, listed_id, started_at)] = provider.iter_multiparts(key)
        assert (listed, listed_id) == (key, upload_id)
        assert abs(started_at - datetime.now(UTC)) < timedelta(minutes=5)
        provider.abort_multipart(key, upload_id)
        provider.abort_multipart(key, upload_id)
        assert list(provider.iter_multiparts(key)) == []

    def test_an_aborted_upload_is_not_found(self, provider: MultipartProvider) -> None:
        key = fresh_key()
        upload_id = provider.create_multipart(key)
        part = provider.upload_part(key, upload_id, 1, b"x")
        provider.abort_multipart(key, upload_id)
        with pytest.raises(ObjectNotFound):
            provider.upload_part(key, upload_id, 2, b"x")
        with pytest.raises(ObjectNotFound):
            list(provider.list_parts(key, upload_id))
        with pytest.raises(StorageError):
            provider.complete_multipart(key, upload_id, [part])
        assert not provider.exists(key)

    def test_a_hostile_key_cannot_be_uploaded_in_parts(self, provider: MultipartProvider) -> None:
        with pytest.raises(InvalidObjectKey):
            provider.create_multipart("../outside")
        with pytest.raises(InvalidObjectKey):
            provider.abort_multipart("../outside", "x")


class FreeSpaceConformance:
    def test_there_is_room_for_what_can_be_written(self, provider: FreeSpace) -> None:
        assert isinstance(provider, StorageProvider)
        body = body_of(1024 * 1024)
        assert provider.free_bytes() >= provider.put_bytes(fresh_key(), body).size


class UnfinishedWritesConformance:
    def test_only_old_leftovers_are_removed(self, provider: UnfinishedWrites) -> None:
        assert isinstance(provider, StorageProvider)
        key = fresh_key()
        provider.put_bytes(f"{key}/whole", b"x")
        with provider.open_writer(f"{key}/live") as live:
            live.write(body_of(12 * 1024 * 1024))
            assert provider.remove_unfinished(older_than=timedelta(hours=1)) == 0
            live.commit()
        assert sorted(info.key for info in provider.iter_locations(key)) == [f"{key}/live", f"{key}/whole"]

    def test_only_what_the_caller_names_is_removed(self, provider: UnfinishedWrites) -> None:
        assert isinstance(provider, StorageProvider)
        key, at_once = fresh_key(), timedelta(seconds=-10)
        asked: list[str] = []

        def deny(path: str) -> bool:
            asked.append(path)
            return False

        with ExitStack() as begun:
            if isinstance(provider, Multipart):
                provider.create_multipart(f"{key}/begun")
            else:
                begun.enter_context(provider.open_writer(f"{key}/begun")).write(b"x")
            assert provider.remove_unfinished(older_than=at_once, only=deny) == 0
            assert len([path for path in asked if path.startswith(f"{key}/")]) == 1
            assert provider.remove_unfinished(older_than=at_once, only=lambda path: path.startswith(f"{key}/")) == 1
        assert list(provider.iter_locations(key)) == []


class PresigningConformance:
    """With these alone a store may ignore signatures; a real one passes ``PresigningEnforcedConformance`` too."""

    def test_a_signed_url_reads_the_object(self, provider: Presigning) -> None:
        assert isinstance(provider, StorageProvider)
        key = f"{fresh_key()}/with space & ü.vlt"
        provider.put_bytes(key, b"sealed")
        url = provider.presign_get(key, expires=timedelta(minutes=1))
        assert fetch(url) == (200, b"sealed")
        assert fetch(url, headers={"Range": "bytes=2-3"}) == (206, b"al")

    def test_a_signed_url_puts_an_object_and_never_overwrites(self, provider: Presigning) -> None:
        assert isinstance(provider, StorageProvider)
        key, condition = fresh_key(), {"If-None-Match": "*"}
        url = provider.presign_put(key, expires=timedelta(minutes=1))
        assert fetch(url, method="PUT", data=b"first", headers=condition)[0] == 200
        assert fetch(url, method="PUT", data=b"second", headers=condition)[0] == 412
        assert provider.get(key) == b"first"

    def test_a_signed_url_uploads_a_part(self, provider: Presigning) -> None:
        assert isinstance(provider, StorageProvider)
        assert isinstance(provider, Multipart)
        key = fresh_key()
        upload_id = provider.create_multipart(key)
        url = provider.presign_part(key, upload_id=upload_id, part_number=1, expires=timedelta(minutes=1))
        assert fetch(url, method="PUT", data=b"a part")[0] == 200
        parts = list(provider.list_parts(key, upload_id))
        assert [(part.number, part.size) for part in parts] == [(1, 6)]
        provider.complete_multipart(key, upload_id, parts)
        assert provider.get(key) == b"a part"

    @pytest.mark.parametrize("expires", [timedelta(0), timedelta(seconds=-1), timedelta(days=7, seconds=1)])
    def test_a_url_is_signed_for_a_second_to_seven_days(self, provider: Presigning, expires: timedelta) -> None:
        with pytest.raises(StorageError):
            provider.presign_get(fresh_key(), expires=expires)

    def test_a_hostile_key_cannot_be_signed(self, provider: Presigning) -> None:
        with pytest.raises(InvalidObjectKey):
            provider.presign_get("../outside", expires=timedelta(minutes=1))


class PresigningEnforcedConformance:
    """For a real store; a stand-in server (moto) checks neither signatures nor expiry."""

    def test_an_expired_url_is_refused(self, provider: Presigning) -> None:
        assert isinstance(provider, StorageProvider)
        key = fresh_key()
        provider.put_bytes(key, b"sealed")
        url = provider.presign_get(key, expires=timedelta(seconds=1))
        time.sleep(2.1)
        assert fetch(url)[0] == 403

    def test_a_signed_url_is_good_for_its_own_key_and_method_only(self, provider: Presigning) -> None:
        assert isinstance(provider, StorageProvider)
        mine, other = fresh_key(), fresh_key()
        provider.put_bytes(mine, b"sealed")
        provider.put_bytes(other, b"another")
        url = provider.presign_get(mine, expires=timedelta(minutes=1))
        assert fetch(url.replace(mine, other))[0] == 403
        assert fetch(url, method="DELETE")[0] == 403
        assert fetch(url.split("?")[0])[0] == 403

    def test_a_signed_put_insists_on_its_condition(self, provider: Presigning) -> None:
        assert isinstance(provider, StorageProvider)
        key = fresh_key()
        url = provider.presign_put(key, expires=timedelta(minutes=1))
        assert fetch(url, method="PUT", data=b"without")[0] == 403
        assert not provider.exists(key)


TESTS_OF: Mapping[type, type] = {
    ConditionalCreate: ConditionalCreateConformance,
    Multipart: MultipartConformance,
    Presigning: PresigningConformance,
    UnfinishedWrites: UnfinishedWritesConformance,
    FreeSpace: FreeSpaceConformance,
    CompareAndSet: CompareAndSetConformance,
    Copying: CopyingConformance,
    BulkDelete: BulkDeleteConformance,
    OrderedListing: OrderedListingConformance,
    Versioning: VersioningConformance,
    Acls: AclConformance,
    Buckets: BucketsConformance,
}


def upload(provider: MultipartProvider, key: str, upload_id: str, body: bytes) -> list[Part]:
    size = provider.min_part_size
    return [
        provider.upload_part(key, upload_id, number, body[at : at + size])
        for number, at in enumerate(range(0, len(body), size), start=1)
    ]


def fetch(
    url: str, *, method: str = "GET", data: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body, also of a refusal."""
    request = urllib.request.Request(url, method=method, data=data, headers=dict(headers or {}))  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
