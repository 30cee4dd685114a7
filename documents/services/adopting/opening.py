"""An original, looked at and read."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from documents.errors import SourceRefused
from documents.legacy.envelope import mentions_ciphertext
from documents.legacy.opening import pieces_of as pieces_of_bytes
from documents.services.adopting.names import Told, told_by
from documents.services.adopting.places import Place
from documents.services.adopting.sources import SEALED_MAGIC, Kind, Source, kind_by_name
from documents.services.legacy_reading import open_older, read_whole
from documents.storage.base import Buffer, ObjectReader
from documents.storage.streaming import ClosesAtEnd, pieces_of
from documents.wiring import vault_config

# How much of a JSON file with another name is looked at for the members of an envelope.
LOOKED_AT = 64 * 1024  # bytes


def kind_of(place: Place, source: Source, *, with_plain: bool) -> Kind:
    """Say what an original is; where its name does not tell, its first bytes do. Raises StorageError."""
    if known := kind_by_name(source.key):
        return known
    is_json = source.key.lower().endswith(".json")
    if not is_json and not with_plain:
        return Kind.LEFT_OUT
    with place.open(source) as reader:
        beginning = reader.read(LOOKED_AT if is_json else len(SEALED_MAGIC))
    if is_json and mentions_ciphertext(beginning, vault_config().legacy.fields):
        return Kind.ENVELOPE
    return Kind.LEFT_OUT if beginning.startswith(SEALED_MAGIC) or not with_plain else Kind.PLAIN


@dataclass
class Original(ClosesAtEnd):
    """What is to be sealed. ``pieces`` yields its plaintext once; ``close`` gives the place back.

    ``digest`` is the SHA-256 in hex of the original as it lies there, "" for a plain one. ``kek_id`` is in hex, of the
    key that opened an envelope. ``size`` is the plaintext's, known before it is read.
    """

    told: Told
    size: int
    pieces: Iterator[Buffer]
    digest: str = ""
    kek_id: str = ""
    _resources: ExitStack = field(default_factory=ExitStack, repr=False)

    @property
    def made_at(self) -> datetime | None:
        return self.told.made_at

    def then_close(self, close: Callable[[], object]) -> None:
        """Have something closed with it."""
        self._resources.callback(close)

    def close(self) -> None:
        """Close whatever was to be closed with it."""
        self._resources.close()


def open_original(place: Place, source: Source, kind: Kind) -> Original:
    """Open an original; the caller closes it. An envelope is opened and verified as a whole here, in memory.

    Raises StorageError, EncryptionError, and SourceRefused where it is another than the one that was listed.
    """
    told = told_by(source.key, is_envelope=kind is Kind.ENVELOPE)
    if kind is Kind.PLAIN:
        return _open_plain(place, source, told)
    with place.open(source) as reader:
        check_unchanged(source, reader)
        data = read_whole(reader, limit=vault_config().legacy.max_size)
    digest = hashlib.sha256(data).hexdigest()
    document = open_older(data)
    plaintext = document.plaintext
    return Original(told, len(plaintext), pieces_of_bytes(plaintext), digest=digest, kek_id=document.kek_id.hex())


def digest_at(place: Place, source: Source) -> str:
    """Read an original and return its SHA-256 in hex. Raises StorageError, SourceRefused."""
    digest = hashlib.sha256()
    with place.open(source) as reader:
        check_unchanged(source, reader)
        for piece in pieces_of(reader):
            digest.update(piece)
    return digest.hexdigest()


def check_unchanged(source: Source, reader: ObjectReader) -> None:
    """Raises SourceRefused where the open original is not as it was when it was listed."""
    found, listed = reader.info.modified_at, source.modified_at
    # S3 tells whole seconds of an object, and more of the same in a listing.
    is_same_time = found == listed or (not found.microsecond and abs(found - listed) < timedelta(seconds=1))
    if reader.info.size != source.size or not is_same_time:
        raise SourceRefused("source-changed", "It was changed while it was looked at. Run the command again.")


def _open_plain(place: Place, source: Source, told: Told) -> Original:
    resources = ExitStack()
    reader = resources.enter_context(place.open(source))
    try:
        check_unchanged(source, reader)
    except BaseException:
        resources.close()
        raise
    return Original(told, source.size, _until_unchanged(place, source, reader), _resources=resources)


def _until_unchanged(place: Place, source: Source, reader: ObjectReader) -> Iterator[Buffer]:
    """The bytes of a plain file; at their end SourceRefused, where somebody wrote to it meanwhile."""
    yield from pieces_of(reader)
    with place.open(source) as again:
        check_unchanged(source, again)
