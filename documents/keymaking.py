"""The keys of a new vault, each made where it is missing and never overwritten: an interrupted start goes on."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from documents.conf import KeySources
from documents.encryption.keyring import generate_kek, generate_origin_key, load_kek
from documents.keysources import ORIGIN, PRIMARY, RECOVERY

RECOVERY_PRIVATE = "recovery.pem"


def make_missing_keys(sources: KeySources, recovery_dir: Path, *, bits: int = 3072) -> list[Path]:
    """Make each key that is missing in ``sources.directory``; returns the files made, none where the ring is complete.

    The recovery private key goes to ``recovery_dir``, and is not made where its public half is already there. The
    server's private keys are encrypted where there is a passphrase. Safe to repeat after a crash at any line, and in
    parallel. Raises OSError where a file cannot be written, KeyRingError where a recovery key that is there cannot be
    read.
    """
    passphrase = sources.passphrase.encode() or None
    private, public = recovery_dir / RECOVERY_PRIVATE, sources.directory / RECOVERY
    made: list[Path] = []
    if not public.exists():
        if not private.exists() and _write(private, generate_kek(bits=bits).private):
            made.append(private)
        if _write(public, _public_half(private.read_bytes())):
            made.append(public)
    origin, primary = sources.directory / ORIGIN, sources.directory / PRIMARY
    if not origin.exists() and _write(origin, generate_origin_key(passphrase=passphrase).private):
        made.append(origin)
    if not primary.exists() and _write(primary, generate_kek(bits=bits, passphrase=passphrase).private):
        made.append(primary)
    return made


def _public_half(pem: bytes) -> bytes:
    return load_kek(pem).public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _write(path: Path, pem: bytes) -> bool:
    """Put a whole key there, or nothing. Returns False where a key is there already; it stays as it is."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    unfinished = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        return _publish(unfinished, path)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()


def _publish(unfinished: Path, path: Path) -> bool:
    try:
        path.hardlink_to(unfinished)
    except FileExistsError:
        return False
    except PermissionError:  # a memory stick's file system has no hard links
        if path.exists():
            return False
        unfinished.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return True
