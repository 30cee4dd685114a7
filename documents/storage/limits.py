"""A stream that ends in an error where it grows too long."""

from collections.abc import Iterable, Iterator

from documents.errors import ObjectTooLarge
from documents.storage.base import Buffer


def limited(
    chunks: Iterable[Buffer] | Buffer, limit: int | None, *, provider: str = "", key: str = ""
) -> Iterator[Buffer]:
    """Yield ``chunks`` while they are ``limit`` bytes together or fewer; None is no limit.

    Raises ObjectTooLarge before the chunk that goes beyond, so that not one byte too many is written.
    """
    if isinstance(chunks, (bytes, bytearray, memoryview)):
        chunks = (chunks,)
    size = 0
    for chunk in chunks:
        size += memoryview(chunk).nbytes
        if limit is not None and size > limit:
            raise ObjectTooLarge(
                f"The limit is {limit:,} bytes; this is larger. Nothing of it was kept", provider=provider, key=key
            )
        yield chunk
