"""The private keys with which documents are recovered: those of this vault, and offline ones that were brought."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from documents.encryption.keyring import Kek, KeyRing, load_kek
from documents.errors import ConfigurationError, EncryptionError, KeyRingError, WrongPassphrase
from documents.key_rings import key_ring, origin_keys
from documents.keysources import private_kek_pems
from documents.recovery import recover
from documents.wiring import vault_config


def reading_keys(brought: Sequence[recover.Kek], origin: recover.Keys) -> recover.Keys:
    """Return the keys for the recovery script: the configured private ones, and those that were brought.

    Without origin keys among them, the configured one is asked for a signature, where there is one. Raises
    KeyRingError where a configured key cannot be used.
    """
    sources = vault_config().keys
    passphrases = [sources.passphrase.encode()] if sources.passphrase else []
    try:
        own = [
            recover.load_kek(pem, where, passphrases, lambda _where: None) for where, pem in private_kek_pems(sources)
        ]
    except recover.WrongUsage as error:
        raise KeyRingError(str(error)) from error
    public = origin.origin
    if not public:
        with suppress(ConfigurationError):
            public = tuple(origin_keys().public)
    return recover.ring_of([*brought, *own], public)


def opening_ring(paths: Sequence[Path], passphrases: Sequence[bytes]) -> KeyRing:
    """Return the vault's key ring in which the private KEKs of these files take part, for opening.

    A public half that the ring has is replaced by its pair; another key is one of earlier times. Raises KeyRingError,
    ConfigurationError, and recover.WrongUsage for a file that others may read.
    """
    brought = [_load(path, passphrases) for path in paths]
    ring = key_ring()
    pairs = {kek.kek_id: kek for kek in brought}
    known = [pairs.pop(kek.kek_id, kek) for kek in (*ring.recipients, *ring.older)]
    recipients = len(ring.recipients)
    return replace(ring, primary=known[0], recovery=known[1:recipients], older=[*known[recipients:], *pairs.values()])


def _load(path: Path, passphrases: Sequence[bytes]) -> Kek:
    pem = recover.read_secret_file(path)
    wanted: Sequence[bytes | None] = passphrases if b"ENCRYPTED" in pem else [None]
    for passphrase in wanted:
        with suppress(WrongPassphrase):
            try:
                return load_kek(pem, passphrase=passphrase)
            except WrongPassphrase:
                raise
            except EncryptionError as error:
                raise type(error)(f"{path}: {error}") from error
    raise WrongPassphrase(f"{path} does not open: its passphrase is missing or wrong, or its PEM is damaged.")
