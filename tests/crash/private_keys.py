"""Looks for a private key in the memory of processes and in files, in every form that it could have there."""

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

# Bytes that are read of a process at a time; what lies across two of them is in the overlap of one.
_PIECE, _OVERLAP = 4 * 2**20, 4_096
# Bytes of each needle: more than chance can bring, and few enough to find a secret that was cut in two.
_NEEDLE = 32


def needles_of(pem: bytes) -> dict[str, list[bytes]]:
    """What gives a private key away, by what it is: PEM, DER, and its numbers in both byte orders."""
    found: dict[str, list[bytes]] = {}
    for block in re.findall(rb"-----BEGIN .*?-----END [A-Z ]+-----", pem, re.DOTALL):
        key = load_pem_private_key(block, None)
        assert isinstance(key, (RSAPrivateKey, MLKEM768PrivateKey))
        kind = "RSA" if isinstance(key, RSAPrivateKey) else "ML-KEM"
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        secrets = _numbers(key) if isinstance(key, RSAPrivateKey) else {"seed": key.private_bytes_raw()}
        # The beginning of PEM and DER says what kind of key it is, and the public numbers are not secret.
        lines = block.splitlines()[1:-1]
        found[f"{kind} PEM"] = [*lines[-2:], *lines[len(lines) // 2 : -2], b"".join(lines)[-2 * _NEEDLE :]]
        found[f"{kind} DER"] = _pieces(der[-256:] if kind == "RSA" else der[-64:])
        for name, secret in secrets.items():
            found[f"{kind} {name}"] = _pieces(secret)
            found[f"{kind} {name}, reversed"] = _pieces(secret[::-1])
            found[f"{kind} {name} in base64"] = [base64.b64encode(secret[at : at + 48]) for at in range(3)]
            found[f"{kind} {name} in hex"] = [secret.hex().encode()[:64], secret.hex().upper().encode()[:64]]
    return found


def _numbers(key: RSAPrivateKey) -> dict[str, bytes]:
    numbers = key.private_numbers()
    named = {"p": numbers.p, "q": numbers.q, "d": numbers.d, "dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
    return {name: number.to_bytes((number.bit_length() + 7) // 8, "big") for name, number in named.items()}


def _pieces(secret: bytes) -> list[bytes]:
    """From its start, its middle and its end; where it was overwritten in part, the rest still tells."""
    middle = (len(secret) - _NEEDLE) // 2
    return [secret[:_NEEDLE], secret[middle : middle + _NEEDLE], secret[-_NEEDLE:]]


def in_memory(process: int, needles: dict[str, list[bytes]]) -> set[str]:
    """Which of these are in the memory of the process, in any part of it that was ever written."""
    found: set[str] = set()
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for start, end in _regions(process):
            for piece in _read(memory.fileno(), start, end):
                found |= _in(piece, needles)
    return found


def in_files(directory: Path, needles: dict[str, list[bytes]]) -> set[str]:
    """Which of these are in files below the directory."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    return set().union(*(_in(path.read_bytes(), needles) for path in files))


def _in(data: bytes, needles: dict[str, list[bytes]]) -> set[str]:
    return {name for name, pieces in needles.items() if any(piece in data for piece in pieces)}


def _regions(process: int) -> Iterator[tuple[int, int]]:
    """Where it can write: what is mapped from a file to be read alone holds what the file holds."""
    for line in Path(f"/proc/{process}/maps").read_text().splitlines():
        addresses, permissions, *_rest = line.split()
        if permissions.startswith("rw"):
            start, end = (int(address, 16) for address in addresses.split("-"))
            yield start, end


def _read(memory: int, start: int, end: int) -> Iterator[bytes]:
    at = start
    while at < end:
        try:
            piece = os.pread(memory, min(_PIECE, end - at), at)
        except OSError:  # a region that went away meanwhile
            return
        if not piece:
            return
        yield piece
        at += len(piece) if at + len(piece) >= end else len(piece) - _OVERLAP
