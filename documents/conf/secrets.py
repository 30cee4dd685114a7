"""One secret at a time: out of a variable, or out of the file that NAME_FILE names where nobody else may read that."""

from collections.abc import Callable
from pathlib import Path

import environ

from documents.conf.secret_files import read_key_file, read_secret_file
from documents.errors import ConfigurationError

# What OpenSSL takes for a private key (PEM_BUFSIZE is 1,024, with the byte that ends it), and ``cryptography`` with it.
LONGEST_PASSPHRASE = 1023


def secret(env: environ.Env, name: str) -> str:
    """Return a variable, or what stands in the file that ``name``_FILE names; "" where neither is set.

    Raises ConfigurationError where every user of this machine may read or change that file.
    """
    return _given(env, name, read_secret_file).strip()


def pem(env: environ.Env, name: str) -> str:
    """As ``secret``; a file with a public key alone may be read by everybody, and changed by nobody else."""
    # An environment file holds a PEM on one line, its line ends written as \n.
    return _given(env, name, read_key_file).strip().replace("\\n", "\n")


def passphrase(env: environ.Env, name: str) -> str:
    """As ``secret``, with the spaces around it; one line end after it is the editor's.

    Raises ConfigurationError where it is longer than what a private key can be encrypted with, or its file is empty.
    """
    given = _given(env, name, read_secret_file)
    given = given.removesuffix("\n").removesuffix("\r")
    if not given and _file_of(env, name):
        raise ConfigurationError(f"{name}_FILE names an empty file. Write the passphrase into it, or leave it out.")
    if (length := len(given.encode())) > LONGEST_PASSPHRASE:
        raise ConfigurationError(f"{name} has {length:,} bytes. Private keys take at most {LONGEST_PASSPHRASE:,}.")
    return given


def is_empty(env: environ.Env, name: str) -> bool:
    """Return whether the variable is there, with nothing in it: most likely whatever should fill it failed."""
    return bool(env.ENVIRON.get(name) == "")


def _given(env: environ.Env, name: str, read: Callable[..., bytes]) -> str:
    try:
        if file := _file_of(env, name):
            return read(Path(file), name=f"{name}_FILE").decode()
        # Not env.str: that takes a value with a dollar in front for the name of another variable.
        value = str(env.ENVIRON.get(name, ""))
        value.encode()  # a byte of the environment that is no UTF-8 became a surrogate
    except UnicodeError as error:
        raise ConfigurationError(f"{name} is not text in UTF-8.") from error
    return value


def _file_of(env: environ.Env, name: str) -> str:
    return str(env.ENVIRON.get(f"{name}_FILE", ""))
