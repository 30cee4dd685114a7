"""ML-KEM-768.Encaps (FIPS 203) with a chosen ``m``, which makes hybrid wrapping repeatable. Slow, and of one use.

Written from the standard for the vectors alone: it is not constant in time, and the vault never calls it. The names are
those of the standard; section numbers are its own.
"""

import hashlib
from collections.abc import Iterator

Q = 3_329
N = 256
K, DU, DV = 3, 10, 4  # ML-KEM-768; eta1 = eta2 = 2 (§8, table 2)
PUBLIC_SIZE, CIPHERTEXT_SIZE = 1_184, 1_088  # bytes

Polynomial = list[int]


def _bit_reversed(number: int) -> int:
    return int(f"{number:07b}"[::-1], 2)


_ZETAS = [pow(17, _bit_reversed(i), Q) for i in range(128)]
_GAMMAS = [pow(17, 2 * _bit_reversed(i) + 1, Q) for i in range(128)]


def encapsulate(public_key: bytes, m: bytes) -> tuple[bytes, bytes]:
    """ML-KEM.Encaps_internal (§6.2): the shared secret of 32 bytes, and the ciphertext. ``m`` has 32 bytes."""
    drawn = hashlib.sha3_512(m + hashlib.sha3_256(public_key).digest()).digest()
    return drawn[:32], _encrypt(public_key, m, drawn[32:])


def _encrypt(public_key: bytes, m: bytes, randomness: bytes) -> bytes:
    """K-PKE.Encrypt (§5.2)."""
    t, rho = [_decode(public_key[384 * i : 384 * (i + 1)], 12) for i in range(K)], public_key[384 * K :]
    noise = [_noise(randomness, i) for i in range(2 * K + 1)]
    y, e1, e2 = [_ntt(each) for each in noise[:K]], noise[K : 2 * K], noise[2 * K]
    # A is used transposed: the standard's A[i][j] is drawn with j, then i.
    u = [_sum(_inverse_ntt(_dot([_matrix(rho, i, j) for j in range(K)], y)), e1[i]) for i in range(K)]
    message = [_decompress(bit, 1) for bit in _decode(m, 1)]
    v = _sum(_sum(_inverse_ntt(_dot(t, y)), e2), message)
    c1 = b"".join(_encode([_compress(value, DU) for value in each], DU) for each in u)
    return c1 + _encode([_compress(value, DV) for value in v], DV)


def _matrix(rho: bytes, i: int, j: int) -> Polynomial:
    """SampleNTT (§4.2.2) of the transposed matrix's place (i, j)."""
    stream = hashlib.shake_128(rho + bytes([i, j])).digest(3 * N * 4)  # four times what is needed is always enough
    return list(_below_q(stream))[:N]


def _below_q(stream: bytes) -> Iterator[int]:
    for at in range(0, len(stream), 3):
        a, b, c = stream[at : at + 3]
        yield from (each for each in (a + 256 * (b % 16), b // 16 + 16 * c) if each < Q)


def _noise(seed: bytes, number: int) -> Polynomial:
    """SamplePolyCBD for eta 2 (§4.2.2)."""
    bits = _decode(hashlib.shake_256(seed + bytes([number])).digest(N // 2), 1)
    return [(bits[i] + bits[i + 1] - bits[i + 2] - bits[i + 3]) % Q for i in range(0, 4 * N, 4)]


def _ntt(values: Polynomial) -> Polynomial:
    """NTT (§4.3)."""
    f, at, length = list(values), 1, 128
    while length >= 2:
        for start in range(0, N, 2 * length):
            zeta, at = _ZETAS[at], at + 1
            for j in range(start, start + length):
                turned = zeta * f[j + length] % Q
                f[j], f[j + length] = (f[j] + turned) % Q, (f[j] - turned) % Q
        length //= 2
    return f


def _inverse_ntt(values: Polynomial) -> Polynomial:
    """NTT^-1 (§4.3)."""
    f, at, length = list(values), 127, 2
    while length <= 128:
        for start in range(0, N, 2 * length):
            zeta, at = _ZETAS[at], at - 1
            for j in range(start, start + length):
                f[j], f[j + length] = (f[j] + f[j + length]) % Q, zeta * (f[j + length] - f[j]) % Q
        length *= 2
    return [value * pow(128, -1, Q) % Q for value in f]


def _dot(one: list[Polynomial], other: list[Polynomial]) -> Polynomial:
    total = [0] * N
    for f, g in zip(one, other, strict=True):
        total = _sum(total, _product(f, g))
    return total


def _product(f: Polynomial, g: Polynomial) -> Polynomial:
    """MultiplyNTTs (§4.3.1)."""
    product = []
    for i, gamma in enumerate(_GAMMAS):
        (a0, a1), (b0, b1) = f[2 * i : 2 * i + 2], g[2 * i : 2 * i + 2]
        product += [(a0 * b0 + a1 * b1 * gamma) % Q, (a0 * b1 + a1 * b0) % Q]
    return product


def _sum(f: Polynomial, g: Polynomial) -> Polynomial:
    return [(a + b) % Q for a, b in zip(f, g, strict=True)]


def _compress(value: int, bits: int) -> int:
    return (2 * (value << bits) + Q) // (2 * Q) % (1 << bits)


def _decompress(value: int, bits: int) -> int:
    return (2 * value * Q + (1 << bits)) >> (bits + 1)


def _encode(values: Polynomial, bits: int) -> bytes:
    number = sum(value << (bits * i) for i, value in enumerate(values))
    return number.to_bytes(len(values) * bits // 8, "little")


def _decode(data: bytes, bits: int) -> Polynomial:
    number, mask = int.from_bytes(data, "little"), (1 << bits) - 1
    return [number >> (bits * i) & mask for i in range(8 * len(data) // bits)]
