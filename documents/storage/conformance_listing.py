"""The part of the conformance suite that is about listings in order."""

from collections.abc import Iterator
from itertools import islice
from typing import Protocol

import pytest

from documents.storage.base import StorageProvider
from documents.storage.capabilities import OrderedListing
from documents.storage.conformance_samples import fresh_key


class OrderedProvider(StorageProvider, OrderedListing, Protocol): ...


# Each a way of getting the order wrong: by directories, by locale, by UTF-16.
NAMES = ("A", "a-/x", "a/b", "a/c-", "a/c/d", "ab", "b", "é", "\uff5e", "\U0001f512")


class OrderedListingConformance:
    def test_keys_come_in_the_order_of_their_code_points(self, provider: OrderedProvider) -> None:
        base = fresh_key()
        keys = [f"{base}/{name}" for name in NAMES]
        for key in reversed(keys):
            provider.put_bytes(key, key.encode())

        listed = list(provider.iter_locations_after(f"{base}/", ""))

        assert [info.key for info in listed] == sorted(keys) == keys
        assert [info.size for info in listed] == [len(key.encode()) for key in keys]

    def test_a_listing_goes_on_behind_any_key(self, provider: OrderedProvider) -> None:
        base = fresh_key()
        keys = [f"{base}/{name}" for name in NAMES]
        for key in keys:
            provider.put_bytes(key, b"x")
        for after in (*keys, base, f"{base}/", f"{base}/a/", f"{base}/a/bb", f"{base}/a0", f"{base}0", "~"):
            for prefix in (f"{base}/", f"{base}/a", f"{base}/a/"):
                listed = [info.key for info in provider.iter_locations_after(prefix, after)]
                assert listed == [key for key in keys if key.startswith(prefix) and key > after], (prefix, after)

    def test_a_listing_in_order_is_lazy_and_is_taken_up_again(self, provider: OrderedProvider) -> None:
        base = fresh_key()
        keys = [f"{base}/{number:02}/{number:02}" for number in range(20)]
        for key in keys:
            provider.put_bytes(key, b"x")
        seen: list[str] = []
        after = ""
        while batch := [info.key for info in islice(provider.iter_locations_after(f"{base}/", after), 7)]:
            seen += batch
            after = batch[-1]
            provider.delete(after)
        assert seen == keys
        assert isinstance(provider.iter_locations_after(base, ""), Iterator)

    @pytest.mark.parametrize("prefix", ["../", "/", "conformance//", "conformance\\", "nul\0"])
    def test_a_prefix_that_no_key_has_lists_nothing_in_order(self, provider: OrderedProvider, prefix: str) -> None:
        provider.put_bytes(fresh_key(), b"x")
        assert list(provider.iter_locations_after(prefix, "")) == []
