"""A listing is lazy and takes memory that does not grow with the count of objects, whatever the provider."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from documents.storage.azure import AzureProvider
from documents.storage.base import ObjectInfo, StorageProvider
from documents.storage.gcs import GcsProvider
from documents.storage.hcp import HcpProvider
from documents.storage.local import LocalProvider
from documents.storage.s3 import S3Provider
from tests.services.azurite import ACCOUNT
from tests.services.fixtures import azure_client_for, gcs_client_for, s3_client_for
from tests.services.s3_server import S3Server
from tests.storage.made_up_listings import key_of, made_up_listing

# How many keys, in twenty pages, are listed in a few seconds. Azure's library takes a third of a millisecond for each.
COUNTS = {"s3": 20_000, "hcp": 20_000, "gcs": 20_000, "azure": 5_000}
PAGES = 20
PER_DIRECTORY = 500
# What a listing that keeps everything keeps for each object, at the least: its ObjectInfo, the key, the ETag, the time.
KEPT_BLOCKS = 4
KEPT_BYTES = 300


def provider_at(kind: str, url: str) -> StorageProvider:
    match kind:
        case "gcs":
            return GcsProvider(client=gcs_client_for(url), bucket="vault")
        case "azure":
            azure = AzureProvider(client=azure_client_for(f"{url}/{ACCOUNT}", "vault"))
            azure.listed_at_once = page_size(kind)
            return azure
        case "hcp":
            return HcpProvider(client=s3_client_for(S3Server(url, "access", "secret", "moto")), bucket="vault")
    return S3Provider(client=s3_client_for(S3Server(url, "access", "secret", "moto")), bucket="vault")


def page_size(kind: str) -> int:
    return COUNTS[kind] // PAGES


def grown_by(listing: Iterator[ObjectInfo], count: int, memory: Callable[[], int]) -> int:
    """Go through ``count`` objects. How much more the last nine tenths take, at the most, than the first."""
    tenth, seen, number = count // 10, [], 0
    for number, _ in enumerate(listing, start=1):
        if number % tenth == 0:
            seen.append(memory())
    assert number == count
    return max(seen[1:]) - seen[0]


def blocks() -> int:
    """How many blocks of memory Python's objects take now, garbage left out."""
    gc.collect()
    return sys.getallocatedblocks()


def resident() -> int:
    """Bytes of this process in memory (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def files(root: Path, count: int) -> LocalProvider:
    """As many objects, as files that nobody needs to be durable."""
    provider = LocalProvider(root)
    for number in range(count):
        if number % PER_DIRECTORY == 0:
            directory = root / "documents" / f"user_{number // PER_DIRECTORY}"
            directory.mkdir(parents=True)
        (directory / f"{number:032x}.vlt").touch()
    return provider


@pytest.mark.parametrize("kind", COUNTS)
def test_pages_are_fetched_as_the_listing_advances(kind: str) -> None:
    size = page_size(kind)
    with made_up_listing(3 * size + 1) as made_up:
        listing = provider_at(kind, made_up.endpoint_url).iter_locations()
        assert made_up.pages == 0
        taken = list(islice(listing, size))
        assert made_up.pages == 1
        taken.append(next(listing))
        assert made_up.pages == 2
        taken += listing
        assert made_up.pages == 4
    assert [info.key for info in taken] == [key_of(number) for number in range(3 * size + 1)]
    assert taken[-1].size == 3 * size


@pytest.mark.parametrize("kind", COUNTS)
def test_a_long_listing_takes_no_more_memory_than_a_short_one(kind: str) -> None:
    count = COUNTS[kind]
    with made_up_listing(count) as made_up:
        listing = provider_at(kind, made_up.endpoint_url).iter_locations()
        assert grown_by(listing, count, blocks) < count * KEPT_BLOCKS / 10
        assert made_up.pages == PAGES


def test_a_long_listing_of_a_disk_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    provider = files(tmp_path, 5_000)
    for listing in (provider.iter_locations(), provider.iter_locations_after("", "")):
        assert grown_by(listing, 5_000, blocks) < 5_000 * KEPT_BLOCKS / 10


def test_a_listing_that_is_kept_is_seen_to_grow() -> None:
    with made_up_listing(5_000) as made_up:
        listing = kept(provider_at("s3", made_up.endpoint_url).iter_locations())
        assert grown_by(listing, 5_000, blocks) > 5_000 * KEPT_BLOCKS * 8 / 10


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("kind", "count"), [("s3", 1_000_000), ("gcs", 1_000_000), ("azure", 200_000)])
def test_a_million_keys_are_listed_in_flat_memory(kind: str, count: int) -> None:
    with made_up_listing(count) as made_up:
        assert (
            grown_by(provider_at(kind, made_up.endpoint_url).iter_locations(), count, resident)
            < count * KEPT_BYTES / 10
        )


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_files_are_listed_in_flat_memory(tmp_path: Path) -> None:
    provider = files(tmp_path, 100_000)
    assert grown_by(provider.iter_locations(), 100_000, resident) < 100_000 * KEPT_BYTES / 10


def kept(listing: Iterator[ObjectInfo]) -> Iterator[ObjectInfo]:
    """What a listing must not do."""
    everything = []
    for info in listing:
        everything.append(info)
        yield info
