"""The published suite: what ``base.py`` promises, as tests that any provider passes.

A provider of your own is checked by three lines in a pytest module::

    class TestMyProvider(ProviderConformance):
        @pytest.fixture
        def provider(self) -> StorageProvider:
            return MyProvider(...)  # empty, or at least holding nothing under "conformance/"

Add the class for every capability it claims, from ``conformance_capabilities.TESTS_OF``; a claim without its tests is a
failure.
The tests leave objects under ``conformance/``. Only pytest is needed.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from documents.errors import InvalidObjectKey, ObjectNotFound, RangeNotSatisfiable
from documents.storage import conformance_capabilities as capabilities
from documents.storage.base import StorageProvider
from documents.storage.conformance_samples import body_of, fresh_key
from documents.storage.conformance_writes import WriteConformance

HOSTILE_KEYS = (
    "",
    "/",
    "/etc/passwd",
    "..",
    "../outside",
    "conformance/../../outside",
    "conformance/..",
    "./here",
    "conformance//twice",
    "conformance/",
    "conformance\\windows",
    "conformance/nul\0",
    "conformance/line\nfeed",
    "conformance/delete\x7f",
    "conformance/next\x85line",
    "conformance/half\ud800",
    "conformance/not-in-xml\uffff",
    "conformance/" + "s" * 256,
    "conformance/" + "é" * 128,
    "conformance/" + "long/" * 98,
    "conformance/" + "\U0001f512" * 60 + "/" + "\U0001f512" * 60 + "/" + "\U0001f512" * 60 + "/" + "\U0001f512" * 60
    + "/" + "\U0001f512" * 60,
    "conformance/." + "0" * 32 + ".part",
)  # fmt: skip
UNUSUAL_KEYS = (
    "plain.vlt",
    "with space.pdf",
    "50%25+&=?#;,@:!$'()*~.txt",
    "päö-日本-🔒.vlt",
    ".hidden",
    "...",
    "s" * 255,
)


class ProviderConformance(WriteConformance):
    """Every provider passes this.

    ``tested_elsewhere`` names the classes of ``TESTS_OF`` that stand in a test class of their own.
    """

    tested_elsewhere: tuple[type, ...] = ()

    def test_it_is_a_storage_provider_with_a_name(self, provider: StorageProvider) -> None:
        assert isinstance(provider, StorageProvider)
        assert 0 < len(provider.name) <= 50

    def test_every_capability_it_claims_is_tested(self, provider: StorageProvider) -> None:
        for capability, tests in capabilities.TESTS_OF.items():
            is_tested = isinstance(self, tests) or tests in self.tested_elsewhere
            assert isinstance(provider, capability) == is_tested, f"{capability.__name__}: {tests.__name__}"

    def test_head_tells_size_and_time(self, provider: StorageProvider) -> None:
        key = fresh_key()
        provider.put_bytes(key, b"twelve bytes")
        info = provider.head(key)
        assert (info.key, info.size) == (key, 12)
        assert info.modified_at.utcoffset() == timedelta(0)
        assert abs(info.modified_at - datetime.now(UTC)) < timedelta(minutes=5)
        assert '"' not in info.etag

    def test_what_is_not_there_is_not_found(self, provider: StorageProvider) -> None:
        key = fresh_key()
        assert not provider.exists(key)
        for read in (provider.get, provider.head, provider.open):
            with pytest.raises(ObjectNotFound):
                read(key)
        with pytest.raises(ObjectNotFound):
            provider.get_range(key, 0, 1)

    def test_the_directory_of_an_object_is_no_object(self, provider: StorageProvider) -> None:
        key = fresh_key()
        provider.put_bytes(f"{key}/below", b"x")
        assert not provider.exists(key)
        provider.delete(key)
        assert provider.get(f"{key}/below") == b"x"
        with pytest.raises(ObjectNotFound):
            provider.get(f"{key}/below/further")

    def test_delete_removes_and_may_be_repeated(self, provider: StorageProvider) -> None:
        key = fresh_key()
        provider.put_bytes(key, b"x")
        provider.delete(key)
        assert not provider.exists(key)
        provider.delete(key)
        provider.put_bytes(key, b"again")
        assert provider.get(key) == b"again"

    @pytest.mark.parametrize(
        ("start", "length", "expected"),
        [
            (0, 1, b"0"),
            (9, 1, b"9"),
            (3, 4, b"3456"),
            (0, 10, b"0123456789"),
            (8, 100, b"89"),
            (0, 10**15, b"0123456789"),
        ],
    )
    def test_a_range_is_cut_at_the_end(
        self, provider: StorageProvider, start: int, length: int, expected: bytes
    ) -> None:
        key = fresh_key()
        provider.put_bytes(key, b"0123456789")
        assert provider.get_range(key, start, length) == expected
        with provider.open(key, start=start, length=length) as reader:
            assert reader.info.size == 10
            assert reader.read() == expected

    def test_a_suffix_is_a_range_without_length(self, provider: StorageProvider) -> None:
        key = fresh_key()
        provider.put_bytes(key, b"0123456789")
        with provider.open(key, start=7) as reader:
            assert (reader.read(), reader.info.size) == (b"789", 10)

    @pytest.mark.parametrize(("start", "length"), [(10, 1), (10, None), (11, 5), (-1, 1), (0, 0), (0, -1), (10**15, 1)])
    def test_a_range_outside_is_refused(self, provider: StorageProvider, start: int, length: int | None) -> None:
        key = fresh_key()
        provider.put_bytes(key, b"0123456789")
        with pytest.raises(RangeNotSatisfiable):
            provider.open(key, start=start, length=length)

    def test_an_empty_object_is_read_whole_but_has_no_range(self, provider: StorageProvider) -> None:
        key = fresh_key()
        reference = provider.put_bytes(key, b"")
        assert (reference.size, reference.checksum) == (0, f"sha256:{hashlib.sha256().hexdigest()}")
        assert provider.get(key) == b""
        assert provider.head(key).size == 0
        with pytest.raises(RangeNotSatisfiable):
            provider.get_range(key, 0, 1)

    def test_a_reader_fills_buffers_until_the_end(self, provider: StorageProvider) -> None:
        key, body = fresh_key(), body_of(100_000)
        provider.put_bytes(key, body)
        received, buffer = bytearray(), bytearray(30_000)
        with provider.open(key) as reader:
            assert (reader.info.size, reader.info.key) == (100_000, key)
            while count := reader.readinto(buffer):
                received += buffer[:count]
            assert reader.readinto(buffer) == 0
            assert reader.read(10) == b""
        assert received == body
        with pytest.raises(ValueError):
            reader.readinto(buffer)

    def test_read_gives_what_is_asked_for(self, provider: StorageProvider) -> None:
        key = fresh_key()
        provider.put_bytes(key, b"0123456789")
        with provider.open(key) as reader:
            assert [reader.read(4), reader.read(0), reader.read(4), reader.read(4)] == [b"0123", b"", b"4567", b"89"]

    def test_two_readers_do_not_disturb_each_other(self, provider: StorageProvider) -> None:
        key, body = fresh_key(), body_of(2_000_000)
        provider.put_bytes(key, body)
        with ThreadPoolExecutor(4) as threads:
            results = list(threads.map(lambda start: provider.get_range(key, start, 1_000_000), range(4)))
        assert results == [body[start : start + 1_000_000] for start in range(4)]

    @pytest.mark.parametrize("key", HOSTILE_KEYS, ids=ascii)
    def test_a_hostile_key_is_refused_everywhere(self, provider: StorageProvider, key: str) -> None:
        with pytest.raises(InvalidObjectKey):
            provider.put_bytes(key, b"x")
        with pytest.raises(InvalidObjectKey):
            provider.put_stream(key, [b"x"])
        for call in (
            provider.open_writer,
            provider.get,
            provider.open,
            provider.head,
            provider.exists,
            provider.delete,
        ):
            with pytest.raises(InvalidObjectKey):
                call(key)

    @pytest.mark.parametrize("name", UNUSUAL_KEYS, ids=ascii)
    def test_an_unusual_key_works_everywhere(self, provider: StorageProvider, name: str) -> None:
        key = f"{fresh_key()}/{name}"
        provider.put_bytes(key, b"x")
        assert provider.get(key) == b"x"
        assert [info.key for info in provider.iter_locations(key)] == [key]
        provider.delete(key)
        assert not provider.exists(key)

    def test_listing_goes_by_plain_string_prefix(self, provider: StorageProvider) -> None:
        base = fresh_key()
        keys = {f"{base}/{name}" for name in ("a", "ab", "a-/x", "b/1", "b/2/3", "c")}
        for key in keys:
            provider.put_bytes(key, key.encode())
        for prefix in (
            base,
            f"{base}/",
            f"{base}/a",
            f"{base}/b",
            f"{base}/b/",
            f"{base}/b/2",
            f"{base}/c",
            f"{base}/d",
        ):
            listed = [info.key for info in provider.iter_locations(prefix)]
            assert sorted(listed) == sorted(key for key in keys if key.startswith(prefix)), prefix
        sizes = {info.key: info.size for info in provider.iter_locations(base)}
        assert sizes == {key: len(key.encode()) for key in keys}
        assert keys <= {info.key for info in provider.iter_locations()}

    @pytest.mark.parametrize("prefix", ["../", "/", "..", "conformance/../", "conformance//", "conformance\\", "nul\0"])
    def test_a_prefix_that_no_key_has_lists_nothing(self, provider: StorageProvider, prefix: str) -> None:
        provider.put_bytes(fresh_key(), b"x")
        assert list(provider.iter_locations(prefix)) == []

    def test_listing_is_lazy_and_survives_deletes(self, provider: StorageProvider) -> None:
        base = fresh_key()
        for number in range(5):
            provider.put_bytes(f"{base}/{number}", b"x")
        listing = provider.iter_locations(f"{base}/")
        assert isinstance(listing, Iterator)
        for info in listing:
            provider.delete(info.key)
        assert list(provider.iter_locations(f"{base}/")) == []
