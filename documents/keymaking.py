"""The keys of a new vault, each made where it is missing and never overwritten: an interrupted start goes on."""

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from documents.conf import KeySources
from documents.encryption.keyring import WRAP_TYPES, Kek, generate_kek, generate_origin_key, load_kek
from documents.errors import ConfigurationError, KeyRingError
from documents.keysources import DESIGNATION, OLDER, ORIGIN, PRIMARY, RECOVERY, kek_files, load_kek_file

RECOVERY_PRIVATE = "recovery.pem"


def make_missing_keys(sources: KeySources, recovery_dir: Path, *, bits: int = 3072) -> list[Path]:
    """Make each key that is missing in ``sources.directory``; returns the files made, none where the ring is complete.

    The recovery private key goes to ``recovery_dir``, and is not made where its public half is already there. The
    server's private keys are encrypted where there is a passphrase. Safe to repeat after a crash at any line, and in
    parallel. Raises OSError where a file cannot be written, KeyRingError where a recovery key that is there cannot be
    read, ConfigurationError where a passphrase is empty.
    """
    private, public = recovery_dir / RECOVERY_PRIVATE, sources.directory / RECOVERY
    made: list[Path] = []
    # Where ring.json says which KEKs there are, they are others than those two files by now.
    is_new = not (sources.directory / DESIGNATION).exists()
    if is_new and not public.exists():
        if not private.exists() and _write(private, generate_kek(bits=bits).private):
            made.append(private)
        if _write(public, _public_half(private.read_bytes())):
            made.append(public)
    origin, primary = sources.directory / ORIGIN, sources.directory / PRIMARY
    if not origin.exists() and _write(origin, generate_origin_key(passphrase=_for_origin(sources)).private):
        made.append(origin)
    if is_new and not primary.exists():
        pair = generate_kek(bits=bits, passphrase=_for_kek(sources))
        if _write(primary, pair.private):
            made.append(primary)
    return made


def add_kek(sources: KeySources, *, bits: int = 3072, wrap: str = "rsa-oaep") -> Kek:
    """Make a KEK of the named wrap that opens and does not seal yet, in ``older/``.

    Raises OSError, ConfigurationError where VAULT_KEK_PASSPHRASE is there and empty.
    """
    pair = generate_kek(bits=bits, passphrase=_for_kek(sources), stanza_type=WRAP_TYPES[wrap])
    kek = load_kek(pair.public)
    _write(sources.directory / OLDER / f"{_name_of(kek)}.pem", pair.private)
    return kek


def _for_kek(sources: KeySources) -> bytes | None:
    """What a new KEK is encrypted with. Raises ConfigurationError where a passphrase is set and empty."""
    return _passphrase(sources, sources.passphrase, "VAULT_KEK_PASSPHRASE")


def _for_origin(sources: KeySources) -> bytes | None:
    if not sources.origin_passphrase and "VAULT_ORIGIN_PASSPHRASE" not in sources.empty:
        return _for_kek(sources)
    return _passphrase(sources, sources.origin_passphrase, "VAULT_ORIGIN_PASSPHRASE")


def _passphrase(sources: KeySources, given: str, name: str) -> bytes | None:
    if name in sources.empty:  # whoever set it wants encrypted keys
        raise ConfigurationError(
            f"{name} is empty. Set it to a passphrase, or leave it out for private keys without one."
        )
    return given.encode() or None


def add_recovery_kek(
    sources: KeySources, recovery_dir: Path, *, bits: int = 3072, wrap: str = "rsa-oaep"
) -> tuple[Kek, Path]:
    """Make a recovery KEK: its private half in ``recovery_dir``, to be taken away, its public half in ``older/``.

    Returns it with the file of the private half. Raises OSError.
    """
    pair = generate_kek(bits=bits, stanza_type=WRAP_TYPES[wrap])
    kek = load_kek(pair.public)
    private = recovery_dir / f"recovery-{_name_of(kek)}.pem"
    _write(private, pair.private)
    _write(sources.directory / OLDER / f"{_name_of(kek)}.pub.pem", pair.public)
    return kek, private


def designate(sources: KeySources, *, primary: str, recovery: Sequence[str]) -> None:
    """Say which KEKs seal from now on, by their ids in hex: ring.json is replaced at once. Raises OSError."""
    path = sources.directory / DESIGNATION
    number, name = tempfile.mkstemp(prefix=f".{DESIGNATION}.", dir=sources.directory)
    unfinished = Path(name)
    try:
        with os.fdopen(number, "w") as file:
            json.dump({"primary": primary, "recovery": list(recovery)}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        unfinished.chmod(0o640)  # KEK ids are public, and a tier of another user may share the directory's group
        unfinished.replace(path)
        _sync(sources.directory)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()


def delete_kek(sources: KeySources, kek_id: str) -> list[Path]:
    """Delete every file that holds this KEK or its public half; returns which. Raises OSError, KeyRingError.

    What a disk or its backups still hold is not overwritten: no program can promise that.
    """
    paths = kek_files(sources).get(kek_id, []) + _remains(sources, kek_id)
    for path in paths:
        path.unlink()
        _sync(path.parent)
    return paths


def _remains(sources: KeySources, kek_id: str) -> list[Path]:
    """What a process that died while it wrote this KEK left, whole or in part: nobody else's is named so."""
    directory = sources.directory
    remains = [path for place in (directory, directory / OLDER) for path in place.glob(".*.pem.*")]
    return [path for path in remains if _may_hold(path, kek_id, sources)]


def _may_hold(path: Path, kek_id: str, sources: KeySources) -> bool:
    try:
        return load_kek_file(path, sources).kek_id.hex() == kek_id
    except KeyRingError:
        return path.name.startswith(f".{kek_id[:16]}.")


def _name_of(kek: Kek) -> str:
    return kek.kek_id.hex()[:16]


def _public_half(pem: bytes) -> bytes:
    return load_kek(pem).public_pem()


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
    _sync(path.parent)
    return True


def _sync(directory: Path) -> None:
    number = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
