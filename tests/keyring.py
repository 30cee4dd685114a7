"""A directory of keys as an operator has it, out of the published test-only keys: making RSA pairs is slow."""

from pathlib import Path

from documents.encryption.keyring import load_kek
from documents.encryption.vectors.keys import pem_of


def write_keys(
    directory: Path, *, primary: str = "primary", recovery: str = "recovery", older: str = "", seal_only: bool = False
) -> Path:
    """Write primary.pem, recovery.pub.pem, origin.pem and where asked for an older KEK, and return the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    pems = {
        "primary.pem": public_pem(primary) if seal_only else pem_of(primary),
        "recovery.pub.pem": public_pem(recovery),
        "origin.pem": pem_of("origin"),
        **({f"older/{older}.pem": pem_of(older)} if older else {}),
    }
    for name, pem in pems.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(pem)
    return directory


def public_pem(name: str) -> bytes:
    """The public half of a test-only KEK."""
    return load_kek(pem_of(name)).public_pem()
