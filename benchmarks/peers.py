"""Other people's tools for the same work, each as its documentation uses it. File to file."""

import os
from collections.abc import Callable
from pathlib import Path

import aws_encryption_sdk
import pyrage
import tink
from aws_encryption_sdk.identifiers import CommitmentPolicy, EncryptionKeyType, WrappingAlgorithm
from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey
from aws_encryption_sdk.key_providers.raw import RawMasterKeyProvider
from tink import streaming_aead

_PIECE = 1024 * 1024
_ASSOCIATED_DATA = b"vault-bench"

FileToFile = Callable[[Path, Path], None]


def age() -> tuple[FileToFile, FileToFile]:
    """Seal and open with age (Rust), one X25519 recipient."""
    identity = pyrage.x25519.Identity.generate()

    def seal(source: Path, destination: Path) -> None:
        pyrage.encrypt_file(str(source), str(destination), [identity.to_public()])

    def open_(source: Path, destination: Path) -> None:
        pyrage.decrypt_file(str(source), str(destination), [identity])

    return seal, open_


def tink_1_mib() -> FileToFile:
    """Seal with Tink's streaming AEAD (C++): AES-256-GCM-HKDF in segments of 1 MiB."""
    streaming_aead.register()
    keyset = tink.new_keyset_handle(streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB)
    primitive = keyset.primitive(streaming_aead.StreamingAead)

    def seal(source: Path, destination: Path) -> None:
        with (
            source.open("rb") as reading,
            destination.open("wb") as writing,
            primitive.new_encrypting_stream(writing, _ASSOCIATED_DATA) as stream,
        ):
            while piece := reading.read(_PIECE):
                stream.write(piece)

    return seal


class _LocalKey(RawMasterKeyProvider):  # type: ignore[misc]  # the SDK has no types
    """The SDK's raw AES key, of this process."""

    provider_id = "vault-bench"

    def __init__(self, **_: object) -> None:
        super().__init__()
        self._key = os.urandom(32)

    def _get_raw_key(self, key_id: str) -> WrappingKey:  # noqa: ARG002  # the SDK's signature
        return WrappingKey(
            wrapping_algorithm=WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING,
            wrapping_key=self._key,
            wrapping_key_type=EncryptionKeyType.SYMMETRIC,
        )


def aws_1_mib() -> FileToFile:
    """Seal with aws-encryption-sdk (Python) in frames of 1 MiB, its default suite: committed, and signed with ECDSA."""
    provider = _LocalKey()
    provider.add_master_key("bench")
    client = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)

    def seal(source: Path, destination: Path) -> None:
        with (
            source.open("rb") as reading,
            destination.open("wb") as writing,
            client.stream(mode="e", source=reading, key_provider=provider, frame_length=_PIECE) as stream,
        ):
            for frame in stream:
                writing.write(frame)

    return seal
