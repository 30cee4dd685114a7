"""The PEM files of TLS with a key service, on both of its sides."""

import os
from pathlib import Path

import environ

from documents.conf.addresses import TlsAddress, file, tls_address
from documents.conf.secret_files import read_secret_file


def tls_from(env: environ.Env, base_dir: Path, name: str, place: str, *, files: tuple[str, str, str]) -> TlsAddress:
    """Return the address that the variable ``name`` says, ``place``, with its files.

    ``files`` are the variables of the authority, the certificate and its key. Raises ConfigurationError naming the
    variable, also where every user of this machine may read the key.
    """
    authority, certificate, key = (file(env, variable, base_dir) for variable in files)
    refuse_open_key(key, name=files[2])
    return tls_address(name, place, authority, certificate, key)


def refuse_open_key(key: Path, *, name: str) -> None:
    """Raises ConfigurationError where every user of this machine may read or change the private key of a certificate.

    A file that is not there, or cannot be read, is the affair of who connects or listens with it.
    """
    if os.access(key, os.R_OK):
        read_secret_file(key, name=name)
