"""How documents of an older vault are opened."""

from dataclasses import dataclass, field

import environ

from documents.conf.reading import one_of, size, text
from documents.conf.secrets import passphrase, pem
from documents.errors import ConfigurationError
from documents.legacy.envelope import PADDINGS, Fields

MIB = 1024 * 1024
# Such a file is in memory as a whole, several times while it is opened.
LARGEST = 4096 * MIB


@dataclass(frozen=True)
class LegacyConfig:
    """``max_size`` is bytes of the JSON."""

    key_pem: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)
    padding: str = PADDINGS[0]
    fields: Fields = field(default_factory=Fields)
    max_size: int = 64 * MIB


def legacy_from(env: environ.Env) -> LegacyConfig:
    """Read VAULT_LEGACY_*. Raises ConfigurationError naming the first that is malformed."""
    default = Fields()
    fields = Fields(
        ciphertext=_names(env, "VAULT_LEGACY_CIPHERTEXT_FIELD", default.ciphertext),
        tag=_names(env, "VAULT_LEGACY_TAG_FIELD", default.tag),
        nonce=_names(env, "VAULT_LEGACY_NONCE_FIELD", default.nonce),
        wrapped_key=_names(env, "VAULT_LEGACY_WRAPPED_KEY_FIELD", default.wrapped_key),
    )
    names = [*fields.ciphertext, *fields.tag, *fields.nonce, *fields.wrapped_key]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigurationError(f"VAULT_LEGACY_*_FIELD name {twice!r} twice. Each member has a name of its own.")
    found = LegacyConfig(
        key_pem=pem(env, "VAULT_LEGACY_KEY"),
        passphrase=passphrase(env, "VAULT_LEGACY_KEY_PASSPHRASE"),
        padding=one_of(env, "VAULT_LEGACY_PADDING", PADDINGS, fold=str.lower),
        fields=fields,
        max_size=size(env, "VAULT_LEGACY_MAX_SIZE", LegacyConfig.max_size),
    )
    if found.max_size > LARGEST:
        raise ConfigurationError(f"VAULT_LEGACY_MAX_SIZE is {found.max_size}. Set it between 1 and {LARGEST}.")
    return found


def _names(env: environ.Env, variable: str, default: tuple[str, ...]) -> tuple[str, ...]:
    given = text(env, variable)
    names = tuple(name.strip() for name in given.split(",")) if given else default
    if not all(names):
        raise ConfigurationError(f"{variable} has an empty name. Write names with commas between them.")
    return names
