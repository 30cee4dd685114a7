"""From the configured places to a key ring: PEM files in one directory, or PEMs out of the environment.

    primary.pem         the KEK that seals; a public key makes this process seal-only
    recovery.pub.pem    the offline recovery key's public half; the private half was never on this machine
    origin.pem          Ed25519, signs what this vault seals, and the reports of its migrations; a public key for a
                        process that only opens
    older/*.pem         KEKs of earlier times, for opening

``VAULT_PRIMARY_KEK``, ``VAULT_RECOVERY_KEK`` and ``VAULT_ORIGIN_KEY`` (or the same with ``_FILE``) stand in for the
first three. ``VAULT_KEK_PASSPHRASE`` opens encrypted private keys.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from documents.conf import KeySources
from documents.encryption.keyring import Kek, KeyRing, load_kek, load_origin_key, load_origin_public_key
from documents.encryption.origin import OriginKeys
from documents.errors import ConfigurationError, EncryptionError, KeyRingError

PRIMARY = "primary.pem"
RECOVERY = "recovery.pub.pem"
ORIGIN = "origin.pem"
OLDER = "older"

_OTHERS_MAY_READ = 0o007

T = TypeVar("T")


def load_key_ring(sources: KeySources) -> KeyRing:
    """Read and check every key. Private keys are decrypted here, once.

    Raises ConfigurationError where a key is missing, KeyRingError naming the key where one cannot be used.
    """
    passphrase = sources.passphrase.encode() or None
    directory = sources.directory

    def kek(where: str, pem: bytes) -> Kek:
        return _named(where, lambda: load_kek(pem, passphrase=passphrase))

    primary = kek(*_pem(sources.primary_pem, "VAULT_PRIMARY_KEK", directory / PRIMARY))
    recovery = kek(*_pem(sources.recovery_pem, "VAULT_RECOVERY_KEK", directory / RECOVERY))
    older = [kek(str(path), _read(path)) for path in sorted((directory / OLDER).glob("*.pem"))]
    origin = load_origin_keys(sources)
    return KeyRing(primary, [recovery], older, origin_key=origin.private, origin_public_keys=origin.public)


def load_origin_keys(sources: KeySources) -> OriginKeys:
    """Read and check the origin key alone, for who signs or checks reports. Raises as ``load_key_ring`` does."""
    where, pem = _pem(sources.origin_pem, "VAULT_ORIGIN_KEY", sources.directory / ORIGIN)
    if b"PRIVATE KEY-----" not in pem:
        return OriginKeys(public=[_named(where, lambda: load_origin_public_key(pem))])
    passphrase = sources.passphrase.encode() or None
    private = _named(where, lambda: load_origin_key(pem, passphrase=passphrase))
    return OriginKeys(private, [private.public_key()])


def _pem(text: str, variable: str, path: Path) -> tuple[str, bytes]:
    """Return where the PEM came from, and the PEM."""
    if text:
        return variable, text.encode()
    if not _exists(path):
        raise ConfigurationError(
            f"{variable} is not set and {path} does not exist. Put it back from your backup; for a new vault make keys "
            "with `manage.py create_keyring --recovery-dir DIR`."
        )
    return str(path), _read(path)


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> KeyRingError:
    return KeyRingError(f"{path} cannot be read: {error.strerror}. The vault's user must be able to read its keys.")


def _read(path: Path) -> bytes:
    try:
        pem, mode = path.read_bytes(), path.stat().st_mode
    except OSError as error:
        raise _unreadable(path, error) from error
    if b"PRIVATE KEY-----" in pem and mode & _OTHERS_MAY_READ:
        raise KeyRingError(
            f"{path} holds a private key that every user of this machine may read. Run: chmod 600 {path}"
        )
    return pem


def _named(where: str, load: Callable[[], T]) -> T:
    """Load a key; what goes wrong says which key it was."""
    try:
        return load()
    except EncryptionError as error:
        raise type(error)(f"{where}: {error}") from error
