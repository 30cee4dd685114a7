"""Where the vault's keys come from, and how weakly it may wrap with them."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import environ

from documents.conf.key_service import KeyServiceConfig, key_service_from
from documents.conf.reading import duration, one_of, path
from documents.conf.secrets import is_empty, passphrase, pem

# The names in documents.encryption.keyblock.WRAP_TYPES: whoever moves ciphertext imports conf, and never encryption.
WEAKEST_WRAPS = ("rsa-oaep", "rsa-oaep-ml-kem-768")
PASSPHRASES = ("VAULT_KEK_PASSPHRASE", "VAULT_ORIGIN_PASSPHRASE")


@dataclass(frozen=True)
class KeySources:
    """Where the key ring's PEMs come from: a file's path, or the PEM itself out of the environment.

    ``passphrase`` opens KEKs, and the origin key unless there is an ``origin_passphrase``; ``empty`` are the variables
    of a passphrase that are there without one. ``destruction_delay`` is how long after the first step of two a KEK can
    be destroyed. ``service`` holds the private keys where this process has public ones alone.
    """

    directory: Path
    primary_pem: str = field(default="", repr=False)
    recovery_pem: str = field(default="", repr=False)
    origin_pem: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)
    origin_passphrase: str = field(default="", repr=False)
    empty: tuple[str, ...] = ()
    weakest_wrap: str = WEAKEST_WRAPS[0]
    destruction_delay: timedelta = timedelta(days=7)
    service: KeyServiceConfig | None = None


def keys_from(env: environ.Env, base_dir: Path) -> KeySources:
    """Read the variables of the key ring. Raises ConfigurationError."""
    return KeySources(
        directory=path(env, "VAULT_KEYS_DIR", base_dir / "keys", base_dir),
        primary_pem=pem(env, "VAULT_PRIMARY_KEK"),
        recovery_pem=pem(env, "VAULT_RECOVERY_KEK"),
        origin_pem=pem(env, "VAULT_ORIGIN_KEY"),
        passphrase=passphrase(env, "VAULT_KEK_PASSPHRASE"),
        origin_passphrase=passphrase(env, "VAULT_ORIGIN_PASSPHRASE"),
        empty=tuple(name for name in PASSPHRASES if is_empty(env, name)),
        weakest_wrap=one_of(env, "VAULT_WEAKEST_WRAP", WEAKEST_WRAPS),
        destruction_delay=duration(env, "VAULT_KEK_DESTRUCTION_DELAY", timedelta(days=7)),
        service=key_service_from(env, base_dir),
    )
