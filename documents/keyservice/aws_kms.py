"""RSA keys in AWS KMS as a key service: wrapped offline with their public halves, unwrapped by ``Decrypt``.

KMS knows nothing of envelopes: it unwraps whatever was encrypted for the key, and the commitment is checked here. What
it holds is RSA alone, so a hybrid KEK cannot live there.
"""

import hashlib
import os
import time
from functools import cached_property
from typing import Any

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from documents.conf.key_service import AwsKms
from documents.encryption.derivation import DEK_SIZE
from documents.encryption.keyblock import RSA_OAEP
from documents.encryption.wrapping import spki
from documents.errors import KeyServiceMisconfigured, KeyServiceRefused, KeyServiceUnavailable
from documents.keyservice.kms_faults import NOT_FOR_THIS_KEY, answered, code_of, unreachable, unusable

log = structlog.get_logger(__name__)

# RSA-OAEP with SHA-256 and MGF1 with SHA-256, as KMS calls it (AWS KMS API Reference, Decrypt): FORMAT.md §5.1.
_ALGORITHM = "RSAES_OAEP_SHA_256"
_CONNECTIONS = 32
# Seconds between two complaints of keys that cannot be used while others can.
_COMPLAINED = 60.0

Fault = KeyServiceUnavailable | KeyServiceRefused


class AwsKmsService:
    """As a ``KeyService``. Credentials are the machine's own, wherever boto3 finds them.

    A key that cannot be used does not keep the others from opening. Which KEK a key is, is remembered: KMS may say it
    once and be busy the next time.
    """

    stanza_types = frozenset((RSA_OAEP,))

    def __init__(self, config: AwsKms) -> None:
        self._config = config
        self._keys: dict[bytes, str] = {}
        self._complained = float("-inf")

    def kek_ids(self) -> frozenset[bytes]:
        """As ``KeyService.kek_ids``: KMS is asked for the public half of every key that is configured.

        A key that did not answer this time counts where it did before, unless it was disabled, deleted or taken away.
        """
        found, faults = self._look()
        if not found:
            raise next(iter(faults.values()))
        if faults and time.monotonic() - self._complained >= _COMPLAINED:
            self._complained = time.monotonic()
            log.warning("kms_keys_unusable", faults={key: str(fault) for key, fault in faults.items()})
        lasting = {key for key, fault in faults.items() if not fault.retryable}
        return frozenset(kek_id for kek_id, key in self._keys.items() if key not in lasting)

    def every_kek_id(self) -> frozenset[bytes]:
        """As ``AnswersInPart.every_kek_id``."""
        found, faults = self._look()
        if faults:
            raise next(iter(faults.values()))
        return frozenset(found)

    def open_dek(self, kek_id: bytes, wrapped: bytes, context: bytes) -> bytes:  # noqa: ARG002  (type 1 binds none)
        """As ``KeyService.open_dek``."""
        substitute = os.urandom(DEK_SIZE)
        if not wrapped:
            return substitute
        key = self._key_of(kek_id)
        try:
            answer = self._ask("decrypt", KeyId=key, CiphertextBlob=wrapped, EncryptionAlgorithm=_ALGORITHM)
        except ClientError as error:
            if code_of(error) in NOT_FOR_THIS_KEY:
                return substitute
            raise answered(error, key) from error
        except BotoCoreError as error:
            fault = unreachable(error)
        else:
            dek: bytes = answer.get("Plaintext", b"")
            return dek if len(dek) == DEK_SIZE else substitute
        raise fault

    def close(self) -> None:
        """As ``KeyService.close``."""
        if "_client" in vars(self):
            self._client.close()
            del self._client

    def _key_of(self, kek_id: bytes) -> str:
        """The key that is this KEK. Raises what is in the way where KMS never said which that is."""
        if kek_id in self._keys:
            return self._keys[kek_id]
        found, faults = self._look()
        if kek_id in found:
            return found[kek_id]
        for fault in sorted(faults.values(), key=lambda fault: not fault.retryable):
            if isinstance(fault, KeyServiceRefused):
                raise fault
            raise type(fault)(f"No key in VAULT_KMS_KEYS that answered is KEK {kek_id.hex()[:16]}. {fault}")
        raise KeyServiceMisconfigured(f"No key in VAULT_KMS_KEYS is KEK {kek_id.hex()[:16]}. Add it.")

    def _look(self) -> tuple[dict[bytes, str], dict[str, Fault]]:
        """Ask every key which KEK it is; where one is waited for in vain none after it, or each would be waited for."""
        found: dict[bytes, str] = {}
        faults: dict[str, Fault] = {}
        for key in self._config.keys:
            try:
                answer = self._ask("get_public_key", KeyId=key)
            except ClientError as error:
                faults[key] = answered(error, key)
            except BotoCoreError as error:
                faults[key] = unreachable(error)
                break
            else:
                if kek_id := _kek_id_of(answer.get("PublicKey", b"")):
                    found[kek_id] = key
                else:
                    faults[key] = KeyServiceMisconfigured(
                        f"{key} in VAULT_KMS_KEYS is no RSA key. Name those that wrap for this vault."
                    )
        self._keys = self._keys | found
        return found, faults

    def _ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """One request, and within the time-out one answer.

        Raises ClientError, BotoCoreError, and KeyServiceMisconfigured where the settings make no request.
        """
        method = getattr(self._client, operation)
        try:
            answer: dict[str, Any] = method(**arguments)
        except ConnectionClosedError:  # one that was kept, most likely, and which it closed meanwhile: it is not silent
            answer = method(**arguments)
        except ValueError as error:
            raise unusable(error) from None
        except (AttributeError, TypeError) as error:  # botocore, of an answer that is no object
            raise KeyServiceUnavailable("AWS KMS answered with what is no answer.") from error
        return answer

    @cached_property
    def _client(self) -> Any:
        # Connecting and answering are waited for one after the other, and a second attempt would take as long again.
        seconds = self._config.timeout.total_seconds() / 2
        config = Config(
            connect_timeout=seconds,
            read_timeout=seconds,
            retries={"mode": "standard", "total_max_attempts": 1},
            max_pool_connections=_CONNECTIONS,
            # AWS_ENDPOINT_URL and the AWS configuration of this machine send no DEK elsewhere.
            ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]  # types-boto3 does not know it
            # Nor does a proxy see what goes to this machine in clear.
            proxies={} if self._config.endpoint_url.startswith("http://") else None,
        )
        endpoint_url = self._config.endpoint_url or None
        try:
            session = boto3.session.Session()
            return session.client("kms", region_name=self._config.region, endpoint_url=endpoint_url, config=config)
        except (ValueError, BotoCoreError) as error:
            raise unusable(error) from None


def _kek_id_of(encoded: bytes) -> bytes | None:
    """The id of the KEK with this public half, None for what is no RSA key."""
    try:
        public_key = load_der_public_key(encoded)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return hashlib.sha256(spki(public_key)).digest() if isinstance(public_key, RSAPublicKey) else None
