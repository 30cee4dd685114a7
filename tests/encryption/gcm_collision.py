"""The attack that a commitment is there for: one AES-GCM message that verifies under two keys.

GCM's tag is a polynomial over GF(2^128) (NIST SP 800-38D §6.3) whose coefficients whoever writes the message chooses.
Two keys give two equations; one free block of 16 bytes solves them both at once.
"""

from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB

_POLYNOMIAL = 0xE1 << 120


def _aes(key: bytes, block: bytes) -> int:
    return int.from_bytes(Cipher(AES256(key), ECB()).encryptor().update(block), "big")  # noqa: S305


def _multiply(x: int, y: int) -> int:
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (_POLYNOMIAL if y & 1 else 0)
    return product


def _power(x: int, exponent: int) -> int:
    result = 1 << 127  # the one of GCM's field
    while exponent:
        if exponent & 1:
            result = _multiply(result, x)
        x, exponent = _multiply(x, x), exponent >> 1
    return result


def _inverse(x: int) -> int:
    return _power(x, 2**128 - 2)


def _blocks(data: bytes) -> list[int]:
    data += bytes(-len(data) % 16)
    return [int.from_bytes(data[at : at + 16], "big") for at in range(0, len(data), 16)]


def _tag(key: bytes, nonce: bytes, blocks: list[int]) -> int:
    subkey, total = _aes(key, bytes(16)), 0
    for block in blocks:
        total = _multiply(total ^ block, subkey)
    return total ^ _aes(key, nonce + b"\0\0\0\1")


def collide(keys: Sequence[bytes], nonce: bytes, *, aad: bytes, ciphertext: bytes, free: int) -> tuple[bytes, bytes]:
    """Fill 16 bytes so that the two keys give one tag. Returns those bytes and the tag.

    ``free`` is the offset of the bytes in ``aad ‖ ciphertext``, one of which is empty; they are zeros there now, and
    the offset is a multiple of 16.
    """
    lengths = (len(aad) * 8) << 64 | len(ciphertext) * 8
    blocks = [*_blocks(aad + ciphertext), lengths]
    difference = _tag(keys[0], nonce, blocks) ^ _tag(keys[1], nonce, blocks)
    exponent = len(blocks) - free // 16
    subkeys = [_power(_aes(key, bytes(16)), exponent) for key in keys]
    blocks[free // 16] = _multiply(difference, _inverse(subkeys[0] ^ subkeys[1]))
    tag = _tag(keys[0], nonce, blocks)
    return blocks[free // 16].to_bytes(16, "big"), tag.to_bytes(16, "big")
