"""Errors of envelopes, keys and the key ring."""

from documents.errors.base import VaultError


class EncryptionError(VaultError):
    code = "encryption-error"
    public_message = "This document cannot be opened. Your operator has been told and finds the reason in the log."


class MalformedEnvelope(EncryptionError):
    pass


class UnsupportedEnvelope(EncryptionError):
    pass


class WeakWrap(UnsupportedEnvelope):
    """The envelope is sound as far as anybody looked: its DEK is wrapped more weakly than this vault accepts."""


class AuthenticationFailed(EncryptionError):
    pass


class UnwrapFailed(EncryptionError):
    pass


class UnknownKey(UnwrapFailed):
    pass


class KeyRingError(EncryptionError):
    public_message = "The vault's keys cannot be used at the moment. Its operator finds the reason in the log."


class WrongPassphrase(KeyRingError):
    pass


class WeakKey(KeyRingError):
    pass


class SealOnlyKeyRing(KeyRingError):
    status = 503
    code = "seal-only"
    public_message = "This server takes documents in and cannot open them. Ask your operator where to read them."


class OpenOnlyKeyRing(KeyRingError):
    status = 503
    code = "open-only"
    public_message = "This server gives documents out and takes none in. Ask your operator where to upload."
