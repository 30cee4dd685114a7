"""Key files out of the published test-only keys: making RSA pairs is slow."""

from pathlib import Path

from documents.encryption.vectors.keys import pem_of

NEW_PRIMARY = "stranger"


def add_key(path: Path, name: str) -> None:
    """Write a private key as the vault wants it: for its owner alone."""
    path.touch(mode=0o600)
    path.write_bytes(pem_of(name))
