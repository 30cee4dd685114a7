"""Errors of envelopes, keys and the key ring."""

from datetime import timedelta

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


class RetiredKek(KeyRingError):
    status = 503
    code = "retired-kek"
    public_message = "This server cannot take documents in at the moment. Its operator finds the reason in the log."


class OpenOnlyKeyRing(KeyRingError):
    status = 503
    code = "open-only"
    public_message = "This server gives documents out and takes none in. Ask your operator where to upload."


class KeyServiceUnavailable(KeyRingError):
    """Whoever holds the private keys did not answer, or does not hold this one. Nothing is wrong with the document."""

    status = 503
    code = "key-service-unavailable"
    public_message = "Documents cannot be opened at the moment; nothing is wrong with yours. Try again in a minute."
    retryable = True


class KeyServiceMisconfigured(KeyServiceUnavailable):
    """It opens nothing for this vault until somebody changes that: a permission, a setting, the state of a key."""

    public_message = "Documents cannot be opened at the moment; nothing is wrong with yours. Tell your operator."
    retryable = False


class KeyServiceRefused(KeyRingError):
    """The key service unwraps no faster. After ``retry_after`` it unwraps again."""

    status = 503
    code = "key-service-busy"
    public_message = "Too many documents are opened at the moment; nothing is wrong with yours. Try again soon."
    retryable = True

    def __init__(self, retry_after: timedelta) -> None:
        self.retry_after = retry_after
        super().__init__(
            f"The key service has reached its rate limit, and unwraps again in {retry_after.total_seconds():.1f} s. "
            "Raise the limit (VAULT_UNWRAP_RATE at the unwrap service) where this is the usual load."
        )
