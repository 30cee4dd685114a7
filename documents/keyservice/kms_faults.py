"""What AWS KMS and its library complain of, as the vault's own errors: what happened, to which key, what to do.

The codes are those of the AWS KMS API Reference (Decrypt, GetPublicKey, Common Errors).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from documents.errors import KeyServiceMisconfigured, KeyServiceRefused, KeyServiceUnavailable

# What KMS answers for a ciphertext that is none for this key.
NOT_FOR_THIS_KEY = frozenset(("InvalidCiphertextException", "IncorrectKeyException"))

_TOO_FAST = frozenset(
    ("ThrottlingException", "Throttling", "LimitExceededException", "RequestLimitExceeded", "TooManyRequestsException")
)
_TOO_FAST_FOR = timedelta(seconds=1)
# RFC 9110 section 15.6: the fault is the server's.
_SERVER_ERROR = 500


@dataclass(frozen=True)
class _Said:
    """``passes``: by itself, without anybody who sees to it."""

    hint: str
    passes: bool = False


_OWN_FAULT = _Said("The fault is its own and passes; where it stays look at the AWS Health Dashboard", passes=True)
_CREDENTIALS = _Said("It does not know the credentials of this machine: renew them, and look at its clock")
_EXPIRED = _Said("The credentials of this machine have expired: renew them")
_NO_SUCH_KEY = _Said("Check VAULT_KMS_KEYS and VAULT_KMS_REGION")
_KINDS: Mapping[str, _Said] = {
    "AccessDeniedException": _Said("Allow this role kms:Decrypt and kms:GetPublicKey for the keys in VAULT_KMS_KEYS"),
    "NotFoundException": _NO_SUCH_KEY,
    "InvalidArnException": _NO_SUCH_KEY,
    "DisabledException": _Said("Enable the key again"),
    "KMSInvalidStateException": _Said("The key is not enabled, or its deletion is scheduled: look at it in KMS"),
    "InvalidKeyUsageException": _Said("It is no key for ENCRYPT_DECRYPT: name one that is in VAULT_KMS_KEYS"),
    "UnsupportedOperationException": _Said("It is no RSA key: name one that is in VAULT_KMS_KEYS"),
    "KeyUnavailableException": _OWN_FAULT,
    "KMSInternalException": _OWN_FAULT,
    "DependencyTimeoutException": _OWN_FAULT,
    "InternalFailure": _OWN_FAULT,
    "ServiceUnavailable": _OWN_FAULT,
    "ExpiredTokenException": _EXPIRED,
    "ExpiredToken": _EXPIRED,
    "UnrecognizedClientException": _CREDENTIALS,
    "InvalidSignatureException": _CREDENTIALS,
    "InvalidClientTokenId": _CREDENTIALS,
    "MissingAuthenticationTokenException": _CREDENTIALS,
}
_WITHOUT_CREDENTIALS = (NoCredentialsError, PartialCredentialsError)
_OTHERWISE = _Said("Look at AWS KMS, and at the credentials of this machine")


def code_of(error: ClientError) -> str:
    """The code that KMS answered, "" where it gave none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def answered(error: ClientError, key: str) -> KeyServiceUnavailable | KeyServiceRefused:
    """Return what KMS answered for a key."""
    code = code_of(error)
    if code in _TOO_FAST:
        return KeyServiceRefused(_TOO_FAST_FOR)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = _KINDS.get(code, _OWN_FAULT if status >= _SERVER_ERROR else _OTHERWISE)
    kind = KeyServiceUnavailable if said.passes else KeyServiceMisconfigured
    return kind(f"AWS KMS answered {code or 'an error'} for {key}. {said.hint}.")


def unreachable(error: BotoCoreError) -> KeyServiceUnavailable:
    """Return that there was no answer. Its text can hold the URL of the request: only its type is told, here and in the
    log, so it is not to be raised from the error."""
    kind = KeyServiceMisconfigured if isinstance(error, _WITHOUT_CREDENTIALS) else KeyServiceUnavailable
    return kind(
        f"AWS KMS cannot be asked ({type(error).__name__}). Check VAULT_KMS_REGION, VAULT_KMS_ENDPOINT_URL and the "
        "credentials."
    )


def unusable(error: Exception) -> KeyServiceMisconfigured:
    """Return that what is configured makes no client of KMS."""
    return KeyServiceMisconfigured(
        f"AWS KMS cannot be asked with these settings ({type(error).__name__}). Check VAULT_KMS_REGION and "
        "VAULT_KMS_ENDPOINT_URL, and the AWS configuration of this machine."
    )
