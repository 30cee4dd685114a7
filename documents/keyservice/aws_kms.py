"""RSA keys in AWS KMS as a key service: wrapped offline with their public halves, unwrapped by ``Decrypt``.

KMS knows nothing of envelopes: it unwraps whatever was encrypted for the key, and the commitment is checked here. What
it holds is RSA alone, so a hybrid KEK cannot live there.
"""

import hashlib
import os
from datetime import timedelta
from functools import cached_property
from typing import Any, NoReturn

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from documents.conf.key_service import AwsKms
from documents.encryption.derivation import DEK_SIZE
from documents.encryption.keyblock import RSA_OAEP
from documents.encryption.wrapping import spki
from documents.errors import KeyServiceRefused, KeyServiceUnavailable

# RSA-OAEP with SHA-256 and MGF1 with SHA-256, as KMS calls it (AWS KMS API Reference, Decrypt): FORMAT.md §5.1.
_ALGORITHM = "RSAES_OAEP_SHA_256"
# What KMS answers for a ciphertext that is none for this key.
_NOT_FOR_THIS_KEY = frozenset(("InvalidCiphertextException", "IncorrectKeyException"))
_TOO_FAST = frozenset(("ThrottlingException", "LimitExceededException"))
_TOO_FAST_FOR = timedelta(seconds=1)
_CONNECTIONS = 32
_ATTEMPTS = 2
_HINTS = {
    "AccessDeniedException": "Allow this role kms:Decrypt and kms:GetPublicKey for the keys in VAULT_KMS_KEYS",
    "NotFoundException": "Check VAULT_KMS_KEYS and VAULT_KMS_REGION",
    "DisabledException": "Enable the key again",
    "KMSInvalidStateException": "The key is not enabled, or its deletion is scheduled: look at it in KMS",
}


class AwsKmsService:
    """As a ``KeyService``. Credentials are the machine's own, wherever boto3 finds them."""

    stanza_types = frozenset((RSA_OAEP,))

    def __init__(self, config: AwsKms) -> None:
        self._config = config
        self._keys: dict[bytes, str] = {}

    def kek_ids(self) -> frozenset[bytes]:
        """As ``KeyService.kek_ids``: KMS is asked for the public half of every key that is configured."""
        self._keys = {self._kek_id(key): key for key in self._config.keys}
        return frozenset(self._keys)

    def open_dek(self, kek_id: bytes, wrapped: bytes, context: bytes) -> bytes:  # noqa: ARG002  (type 1 binds none)
        """As ``KeyService.open_dek``."""
        substitute = os.urandom(DEK_SIZE)
        if not wrapped:
            return substitute
        if kek_id not in self._keys:
            self.kek_ids()
        if (key := self._keys.get(kek_id)) is None:
            raise KeyServiceUnavailable(f"No key in VAULT_KMS_KEYS is KEK {kek_id.hex()[:16]}. Add it.")
        try:
            answer = self._client.decrypt(KeyId=key, CiphertextBlob=wrapped, EncryptionAlgorithm=_ALGORITHM)
        except ClientError as error:
            if _code_of(error) in _NOT_FOR_THIS_KEY:
                return substitute
            _raise(error, key)
        except BotoCoreError as error:
            _raise_unreachable(error)
        dek: bytes = answer.get("Plaintext", b"")
        return dek if len(dek) == DEK_SIZE else substitute

    def close(self) -> None:
        """As ``KeyService.close``."""
        if "_client" in vars(self):
            self._client.close()
            del self._client

    def _kek_id(self, key: str) -> bytes:
        try:
            encoded = self._client.get_public_key(KeyId=key).get("PublicKey", b"")
        except ClientError as error:
            _raise(error, key)
        except BotoCoreError as error:
            _raise_unreachable(error)
        try:
            public_key = load_der_public_key(encoded)
        except ValueError:
            public_key = None
        if not isinstance(public_key, RSAPublicKey):
            raise KeyServiceUnavailable(f"{key} in VAULT_KMS_KEYS is no RSA key. Name those that wrap for this vault.")
        return hashlib.sha256(spki(public_key)).digest()

    @cached_property
    def _client(self) -> Any:
        seconds = self._config.timeout.total_seconds()
        return boto3.session.Session().client(
            "kms",
            region_name=self._config.region,
            endpoint_url=self._config.endpoint_url or None,
            config=Config(
                connect_timeout=seconds,
                read_timeout=seconds,
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                max_pool_connections=_CONNECTIONS,
            ),
        )


def _code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _raise(error: ClientError, key: str) -> NoReturn:
    code = _code_of(error)
    if code in _TOO_FAST:
        raise KeyServiceRefused(_TOO_FAST_FOR) from error
    hint = _HINTS.get(code, "Look at AWS KMS, and at the credentials of this machine")
    raise KeyServiceUnavailable(f"AWS KMS answered {code or 'an error'} for {key}. {hint}.") from error


def _raise_unreachable(error: BotoCoreError) -> NoReturn:
    # The text of a botocore error can hold the URL of the request: only its type is told.
    name = type(error).__name__
    raise KeyServiceUnavailable(
        f"AWS KMS cannot be asked ({name}). Check VAULT_KMS_REGION, VAULT_KMS_ENDPOINT_URL and the credentials."
    ) from error
