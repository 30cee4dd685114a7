"""AES-256-GCM, the one cipher of suite 1 (FORMAT.md §1)."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from documents.errors import AuthenticationFailed

# What the vault reads plaintext and ciphertext from: bytes, or a view of a reused buffer.
Buffer = bytes | bytearray | memoryview

TAG_SIZE = 16  # bytes
ZERO_NONCE = bytes(12)


class Aead:
    """One derived key. The caller answers for never repeating a nonce."""

    __slots__ = ("_cipher",)

    def __init__(self, derived_key: bytes) -> None:
        self._cipher = AESGCM(derived_key)

    def seal(self, nonce: bytes, plaintext: Buffer, aad: bytes) -> bytes:
        """Return ciphertext and tag: ``TAG_SIZE`` bytes more than the plaintext."""
        return self._cipher.encrypt(nonce, plaintext, aad)

    def open(self, nonce: bytes, sealed: Buffer, aad: bytes) -> bytes:
        """Return the plaintext, or raise AuthenticationFailed."""
        try:
            return self._cipher.decrypt(nonce, sealed, aad)
        except InvalidTag:
            raise _failure() from None

    def seal_into(self, nonce: bytes, plaintext: Buffer, out: memoryview) -> None:
        """Seal without associated data. ``out`` is exactly ``TAG_SIZE`` bytes longer than the plaintext."""
        self._cipher.encrypt_into(nonce, plaintext, None, out)

    def open_into(self, nonce: bytes, sealed: Buffer, out: memoryview) -> None:
        """Open without associated data. ``out`` is exactly ``TAG_SIZE`` bytes shorter than ``sealed``.

        Raises AuthenticationFailed, and ``out`` then holds zeros: a view of it that somebody kept from an earlier
        chunk never shows bytes that did not verify.
        """
        try:
            self._cipher.decrypt_into(nonce, sealed, None, out)
        except InvalidTag:
            out[:] = bytes(len(out))
            raise _failure() from None


def _failure() -> AuthenticationFailed:
    return AuthenticationFailed("A tag does not verify: the stored bytes are not those that were sealed.")
