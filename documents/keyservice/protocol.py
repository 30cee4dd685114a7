"""What a key service does for a key ring."""

from typing import Protocol, runtime_checkable


class KeyService(Protocol):
    """Unwraps for the KEKs whose private halves it holds. Safe to use from several threads.

    ``stanza_types`` are those that it can unwrap (FORMAT.md §5).
    """

    stanza_types: frozenset[int]

    def kek_ids(self) -> frozenset[bytes]:
        """Ask which KEKs it opens, as far as that can be told. Raises KeyServiceUnavailable, KeyServiceRefused."""
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


@runtime_checkable
class AnswersInPart(Protocol):
    """A key service of several keys, each of which may fail by itself: ``kek_ids`` leaves those out."""

    def every_kek_id(self) -> frozenset[bytes]:
        """As ``KeyService.kek_ids``, and raises where any key did not answer."""
        ...


def every_kek_id(service: KeyService) -> frozenset[bytes]:
    """Return all KEKs that it opens: one that is not among them is not there. Raises as ``kek_ids`` does."""
    return service.every_kek_id() if isinstance(service, AnswersInPart) else service.kek_ids()
