"""Which stores are the same place, or lie inside one another: their objects would be counted, and cleared, twice."""

from itertools import combinations

from documents.conf.clouds import AzureConfig, GcsConfig
from documents.conf.hcp import HcpConfig
from documents.conf.s3 import S3Config
from documents.conf.storage_file import LocalConfig, StoreConfig
from documents.errors import ConfigurationError


def check_places(stores: dict[str, StoreConfig]) -> None:
    """Raises ConfigurationError naming two stores of which one has the other's objects in it."""
    for (one, first), (two, second) in combinations(stores.items(), 2):
        mine, theirs = _place(first), _place(second)
        if mine and theirs and (_is_within(mine, theirs) or _is_within(theirs, mine)):
            raise ConfigurationError(
                f"The stores {one!r} and {two!r} are one place, or one is inside the other. Give each a bucket, a "
                "prefix or a directory of its own."
            )


def _place(store: StoreConfig) -> tuple[str, ...] | None:
    """What the store is, then its prefix in segments; None for what cannot be compared."""
    match store:
        case LocalConfig():
            return ("local", *store.path.resolve().parts)
        case S3Config():
            return ("s3", store.endpoint_url or "", store.bucket, *_segments(store.prefix))
        case HcpConfig():
            return ("hcp", store.endpoint_url, store.namespace, *_segments(store.prefix))
        case GcsConfig():
            return ("gcs", store.bucket, *_segments(store.prefix))
        case AzureConfig():
            account = store.account_name or store.connection_string
            return ("azure", account, store.container, *_segments(store.prefix))
        case _:
            return None


def _segments(prefix: str) -> list[str]:
    return prefix.split("/") if prefix else []


def _is_within(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    return inner[: len(outer)] == outer
