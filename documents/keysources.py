"""From the configured places to a key ring: PEM files in one directory, or PEMs out of the environment.

    primary.pem         the KEK that seals; a public key makes this process seal-only
    recovery.pub.pem    the offline recovery key's public half; the private half was never on this machine
    origin.pem          Ed25519, signs what this vault seals, and the reports of its migrations; a public key for a
                        process that only opens
    older/*.pem         KEKs of earlier times, for opening, and new ones that do not seal yet
    ring.json           which of all these KEKs is primary and which are for recovery, by their ids: what
                        ``rotate_keys`` writes. Without it they are the two files above. One file, replaced at once,
                        says both, so that a process that loads the ring meanwhile sees the old ones or the new ones

``VAULT_PRIMARY_KEK``, ``VAULT_RECOVERY_KEK`` and ``VAULT_ORIGIN_KEY`` (or the same with ``_FILE``) stand in for the
first three. ``VAULT_KEK_PASSPHRASE`` opens encrypted private keys, ``VAULT_ORIGIN_PASSPHRASE`` that of origin.pem where
it has another; ``VAULT_WEAKEST_WRAP`` is the weakest way of wrapping that is read and written.

Whoever may write to the directory decides whom the vault seals for. So keys that every user of the machine may change
are refused, and a directory that everybody may write to, even where the keys are public.
"""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from documents.conf import KeySources
from documents.conf.secret_files import check_directory, holds_private_key, read_key_file
from documents.encryption.keyring import (
    WRAP_TYPES,
    DekOpener,
    Kek,
    KeyRing,
    load_kek,
    load_origin_key,
    load_origin_public_key,
)
from documents.encryption.origin import OriginKeys
from documents.errors import ConfigurationError, EncryptionError, KeyRingError

PRIMARY = "primary.pem"
RECOVERY = "recovery.pub.pem"
ORIGIN = "origin.pem"
OLDER = "older"
DESIGNATION = "ring.json"

T = TypeVar("T")


def _nobody(_kek: Kek) -> DekOpener | None:
    return None


def load_key_ring(sources: KeySources, *, elsewhere: Callable[[Kek], DekOpener | None] = _nobody) -> KeyRing:
    """Read and check every key. Private keys are decrypted here, once.

    ``elsewhere`` says who opens for a KEK whose private half is not here; it is not asked for recovery KEKs. Raises
    ConfigurationError where a key is missing, KeyRingError naming the key where one cannot be used.
    """
    directory = sources.directory
    _check_directories(directory)
    ids = read_designation(sources)
    if ids:
        keks = [load_kek_file(path, sources) for path in _kek_paths(directory)]
    else:
        primary = _kek(*_pem(sources.primary_pem, "VAULT_PRIMARY_KEK", directory / PRIMARY), sources)
        recovery = _kek(*_pem(sources.recovery_pem, "VAULT_RECOVERY_KEK", directory / RECOVERY), sources)
        ids = [primary.kek_id.hex(), recovery.kek_id.hex()]
        keks = [primary, recovery, *(load_kek_file(path, sources) for path in _older_paths(directory))]
    roles = _designated(keks, ids)
    older = [one for one in _distinct(keks) if one not in roles]
    origin = load_origin_keys(sources)
    return KeyRing(
        _openable(roles[0], elsewhere),
        roles[1:],
        [_openable(one, elsewhere) for one in older],
        origin_key=origin.private,
        origin_public_keys=origin.public,
        weakest_type=WRAP_TYPES[sources.weakest_wrap],
    )


def _openable(kek: Kek, elsewhere: Callable[[Kek], DekOpener | None]) -> Kek:
    return kek if kek.opener else kek.opened_by(elsewhere(kek))


def load_opening_keks(sources: KeySources, *, strictly: bool = False) -> list[Kek]:
    """Return every KEK whose private half is here and whose wrap is accepted, for who does nothing but open.

    The file of the recovery key is not read. ``strictly`` refuses private keys that a group may read, or that belong to
    another user. Raises ConfigurationError where there is none, KeyRingError.
    """
    _check_directories(sources.directory)
    paths = [path for path in (sources.directory / PRIMARY,) if not sources.primary_pem and _exists(path)]
    keks = [load_kek_file(path, sources, strictly=strictly) for path in paths + _older_paths(sources.directory)]
    if sources.primary_pem:
        keks.append(_kek("VAULT_PRIMARY_KEK", sources.primary_pem.encode(), sources))
    weakest = WRAP_TYPES[sources.weakest_wrap]
    opening = [kek for kek in _distinct(keks) if kek.opener and kek.stanza_type >= weakest]
    if not opening:
        raise ConfigurationError(
            f"There is no private key of a KEK in {sources.directory}, nor in VAULT_PRIMARY_KEK. Put one there."
        )
    return opening


def load_kek_file(path: Path, sources: KeySources, *, strictly: bool = False) -> Kek:
    """Read one KEK, or its public half. Raises KeyRingError naming the file."""
    return _kek(str(path), _read(path, strictly=strictly), sources)


def _kek(where: str, pem: bytes, sources: KeySources) -> Kek:
    return _named(where, partial(load_kek, pem, passphrase=sources.passphrase.encode() or None))


def read_designation(sources: KeySources) -> list[str]:
    """Return the KEK ids in hex that ring.json names, the primary's first; [] where it does not decide.

    It does not where the primary or the recovery key comes out of the environment. Raises KeyRingError.
    """
    path = sources.directory / DESIGNATION
    if sources.primary_pem or sources.recovery_pem or not _exists(path):
        return []
    try:
        named = json.loads(_read(path))
        ids = [named["primary"], *named["recovery"]]
    except (ValueError, TypeError, KeyError) as error:
        raise KeyRingError(f"{path} is damaged. Put it back from your backup of the keys.") from error
    if len(ids) < 2 or not all(isinstance(kek_id, str) for kek_id in ids):
        raise KeyRingError(f"{path} names no primary and recovery KEK. Put it back from your backup of the keys.")
    return ids


def private_kek_pems(sources: KeySources) -> list[tuple[str, bytes]]:
    """Return where each private KEK comes from, and its PEM, still encrypted where it is. Raises KeyRingError."""
    named = [("VAULT_PRIMARY_KEK", sources.primary_pem), ("VAULT_RECOVERY_KEK", sources.recovery_pem)]
    pems = [(where, text.encode()) for where, text in named]
    pems += [(str(path), _read(path)) for path in _kek_paths(sources.directory)]
    return [(where, pem) for where, pem in pems if holds_private_key(pem)]


def signature_of(sources: KeySources) -> tuple[object, ...]:
    """Return what changes whenever a key file does: a ring that was loaded under another one is out of date."""
    directory = sources.directory
    found: list[tuple[str | int, ...]] = []
    for place in (directory, directory / OLDER):
        with suppress(OSError), os.scandir(place) as entries:
            found.append((str(place), place.stat().st_mode))
            for entry in entries:
                if entry.name.endswith((".pem", ".json")):
                    stat = entry.stat()
                    # The time of its last change is that of its mode and its owner too.
                    found.append((entry.path, stat.st_mtime_ns, stat.st_size, stat.st_ino, stat.st_ctime_ns))
    return tuple(sorted(found))


def kek_files(sources: KeySources) -> dict[str, list[Path]]:
    """Return the files that hold each KEK, or its public half, by its id in hex. Raises KeyRingError."""
    found: dict[str, list[Path]] = {}
    for path in _kek_paths(sources.directory):
        found.setdefault(load_kek_file(path, sources).kek_id.hex(), []).append(path)
    return found


def _kek_paths(directory: Path) -> list[Path]:
    return [path for path in (directory / PRIMARY, directory / RECOVERY) if _exists(path)] + _older_paths(directory)


def _older_paths(directory: Path) -> list[Path]:
    return sorted((directory / OLDER).glob("*.pem"))


def _designated(keks: Sequence[Kek], ids: Sequence[str]) -> list[Kek]:
    """The KEKs with these ids, in their order."""
    by_id = {kek.kek_id.hex(): kek for kek in _distinct(keks)}
    if missing := [kek_id[:16] for kek_id in ids if kek_id not in by_id]:
        raise KeyRingError(f"{DESIGNATION} names {', '.join(missing)}, and there is no such key. Put it back.")
    return [by_id[kek_id] for kek_id in ids]


def _distinct(keks: Sequence[Kek]) -> list[Kek]:
    """Each KEK once; of a pair and its public half alone the pair."""
    found: dict[bytes, Kek] = {}
    for kek in keks:
        if kek.kek_id not in found or not found[kek.kek_id].opener:
            found[kek.kek_id] = kek
    return list(found.values())


def load_origin_keys(sources: KeySources) -> OriginKeys:
    """Read and check the origin key alone, for who signs or checks reports. Raises as ``load_key_ring`` does."""
    where, pem = _pem(sources.origin_pem, "VAULT_ORIGIN_KEY", sources.directory / ORIGIN)
    if not holds_private_key(pem):
        return OriginKeys(public=[_named(where, lambda: load_origin_public_key(pem))])
    passphrase = (sources.origin_passphrase or sources.passphrase).encode() or None
    private = _named(where, lambda: load_origin_key(pem, passphrase=passphrase))
    return OriginKeys(private, [private.public_key()])


def _pem(text: str, variable: str, path: Path) -> tuple[str, bytes]:
    """Return where the PEM came from, and the PEM."""
    if text:
        return variable, text.encode()
    if not _exists(path):
        raise ConfigurationError(
            f"{variable} is not set and {path} does not exist. Where keys were ever rotated put {DESIGNATION} back, "
            'or write it anew: {"primary": ID, "recovery": [ID]}, with the ids of the KEKs that seal (Admin, KEKs). '
            "Else put the file back from your backup; for a new vault make keys with `manage.py create_keyring "
            "--recovery-dir DIR`."
        )
    return str(path), _read(path)


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise KeyRingError(
            f"{path} cannot be read: {error.strerror}. The vault must be able to read its keys."
        ) from error


def _read(path: Path, *, strictly: bool = False) -> bytes:
    try:
        return read_key_file(path, name="VAULT_KEYS_DIR", strictly=strictly)
    except ConfigurationError as error:
        raise KeyRingError(str(error)) from error


def _check_directories(directory: Path) -> None:
    try:
        for place in (directory, directory / OLDER):
            check_directory(place, name="VAULT_KEYS_DIR")
    except ConfigurationError as error:
        raise KeyRingError(str(error)) from error


def _named(where: str, load: Callable[[], T]) -> T:
    """Load a key; what goes wrong says which key it was."""
    try:
        return load()
    except EncryptionError as error:
        raise type(error)(f"{where}: {error}") from error
