"""A store that cannot be trusted."""

from documents.storage.base import Buffer, ObjectWriter
from documents.storage.memory import MemoryProvider


class Lying(MemoryProvider):
    """Keeps other bytes than it was given, of the same number."""

    def open_writer(self, key: str) -> ObjectWriter:
        writer = super().open_writer(key)
        write = writer.write

        def flipped(data: Buffer) -> None:
            kept = bytearray(data)
            kept[-1] ^= 1
            write(kept)

        writer.write = flipped  # type: ignore[method-assign]
        return writer
