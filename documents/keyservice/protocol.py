"""What a key service does for a key ring."""

from typing import Protocol


class KeyService(Protocol):
    """Unwraps for the KEKs whose private halves it holds. Safe to use from several threads.

    ``stanza_types`` are those that it can unwrap (FORMAT.md §5).
    """

    stanza_types: frozenset[int]

    def kek_ids(self) -> frozenset[bytes]:
        """Ask which KEKs it opens. Raises KeyServiceUnavailable, KeyServiceRefused."""
        ...

    def open_dek(self, kek_id: bytes, wrapped: bytes, context: bytes) -> bytes:
        """As ``DekOpener.open_dek``: 32 bytes, random ones where nothing fits; safe to repeat.

        Raises KeyServiceUnavailable where it does not answer or does not hold the KEK, KeyServiceRefused where it
        unwraps no faster.
        """
        ...

    def close(self) -> None:
        """Release its connections. It may be used again, and connects anew."""
        ...
