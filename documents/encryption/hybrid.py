"""RSA-OAEP and ML-KEM-768 together, stanza type 2 (FORMAT.md §5.2): whoever breaks one of the two has no DEK yet."""

import hashlib
import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from documents.encryption.aead import TAG_SIZE, ZERO_NONCE, Aead
from documents.encryption.derivation import DEK_SIZE, hkdf
from documents.encryption.kek import Kek, check_modulus
from documents.encryption.keyblock import RSA_OAEP_ML_KEM
from documents.encryption.wrapping import decrypt_secret, encrypt_oaep, spki
from documents.errors import AuthenticationFailed

SECRET_SIZE = 32  # bytes, s1 and s2
CIPHERTEXT_SIZE = 1_088  # bytes of an ML-KEM-768 ciphertext, FIPS 203 table 3
_SEALED_SIZE = DEK_SIZE + TAG_SIZE
_INFO = b"vlt1/kem-rsa-mlkem768"


@dataclass(frozen=True, slots=True)
class HybridPublicHalf:
    """Wraps with both public keys, and binds the context."""

    rsa: RSAPublicKey = field(repr=False)
    ml_kem: MLKEM768PublicKey = field(repr=False)

    @property
    def kek_id(self) -> bytes:
        """SHA-256 of both SubjectPublicKeyInfos, RSA first (FORMAT.md §1)."""
        return hashlib.sha256(spki(self.rsa) + _ml_kem_spki(self.ml_kem)).digest()

    @property
    def bits(self) -> int:
        """The length of the RSA modulus, in bits."""
        return self.rsa.key_size

    @property
    def wrapped_size(self) -> int:
        """Bytes of a wrapped DEK: the modulus, an ML-KEM ciphertext, the sealed DEK."""
        return self.bits // 8 + CIPHERTEXT_SIZE + _SEALED_SIZE

    def wrap(self, dek: bytes, context: bytes) -> bytes:
        """Wrap the DEK: c1 ‖ c2 ‖ w."""
        s1 = os.urandom(SECRET_SIZE)
        c1 = encrypt_oaep(self.rsa, s1)
        s2, c2 = self.ml_kem.encapsulate()
        return c1 + c2 + self.wrapping_cipher(s1, s2, c1 + c2).seal(ZERO_NONCE, dek, context)

    def wrapping_cipher(self, s1: bytes, s2: bytes, ciphertexts: bytes) -> Aead:
        """W, for the one DEK that is wrapped with these secrets and c1 ‖ c2."""
        ml_kem_digest = hashlib.sha256(self.ml_kem.public_bytes_raw()).digest()
        info = _INFO + self.kek_id + ml_kem_digest + hashlib.sha256(ciphertexts).digest()
        return Aead(hkdf(s1 + s2, b"", info))

    def pem(self) -> bytes:
        """Two SubjectPublicKeyInfos, RSA first."""
        pem, form = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        return self.rsa.public_bytes(pem, form) + self.ml_kem.public_bytes(pem, form)


@dataclass(frozen=True, slots=True)
class HybridOpener:
    """Unwraps with both private keys in this process."""

    public_half: HybridPublicHalf = field(repr=False)
    rsa: RSAPrivateKey = field(repr=False)
    ml_kem: MLKEM768PrivateKey = field(repr=False)

    def open_dek(self, wrapped: bytes, context: bytes) -> bytes:
        """The DEK, or 32 random bytes. Every step is taken whatever became of the one before."""
        substitute = os.urandom(DEK_SIZE)
        ciphertexts, sealed = wrapped[:-_SEALED_SIZE], wrapped[-_SEALED_SIZE:]
        s1 = decrypt_secret(self.rsa, ciphertexts[:-CIPHERTEXT_SIZE])
        s2 = decapsulate(self.ml_kem, ciphertexts[-CIPHERTEXT_SIZE:])
        dek = _opened(self.public_half.wrapping_cipher(s1, s2, ciphertexts), sealed, context)
        return substitute if dek is None else dek


def hybrid_kek(public: HybridPublicHalf, rsa: RSAPrivateKey | None, ml_kem: MLKEM768PrivateKey | None) -> Kek:
    """A KEK of type 2; it opens where both private keys are given. Raises as ``check_modulus`` does."""
    check_modulus(public.rsa)
    opener = HybridOpener(public, rsa, ml_kem) if rsa and ml_kem else None
    return Kek(public.kek_id, RSA_OAEP_ML_KEM, public, opener)


def decapsulate(private_key: MLKEM768PrivateKey, ciphertext: bytes) -> bytes:
    """32 bytes in every case: ML-KEM answers a ciphertext that is not sound with random-looking ones of its own.

    The library refuses another length than 1,088 bytes; random bytes stand for that too.
    """
    substitute = os.urandom(SECRET_SIZE)
    try:
        return private_key.decapsulate(ciphertext)
    except ValueError:
        return substitute


def _opened(cipher: Aead, sealed: bytes, context: bytes) -> bytes | None:
    try:
        return cipher.open(ZERO_NONCE, sealed, context)
    except AuthenticationFailed:
        return None


def _ml_kem_spki(public_key: MLKEM768PublicKey) -> bytes:
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
