"""AWS KMS as far as a vault needs it: RSA keys that decrypt and never leave (AWS KMS API Reference, JSON 1.1).

Real keys, real RSA-OAEP, the real errors' names; who sends no signature is refused, and no signature is checked.
"""

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

REGION = "eu-central-1"


def arn(name: str) -> str:
    return f"arn:aws:kms:{REGION}:111122223333:key/{name}"


class KmsError(Exception):
    """What KMS answers in place of a result; the argument is its ``__type``."""


@dataclass
class FakeKms:
    """``keys`` by name. ``failing`` is answered to the next requests, one each, ``refusing`` whenever a key is asked.

    ``asked`` are the requests that came.
    """

    keys: Mapping[str, RSAPrivateKey]
    url: str = ""
    failing: list[str] = field(default_factory=list)
    refusing: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((operation, request))
        if self.failing:
            raise KmsError(self.failing.pop(0))
        name = request["KeyId"].rpartition("/")[2]
        if name in self.refusing:
            raise KmsError(self.refusing[name])
        if name not in self.keys:
            raise KmsError("NotFoundException")
        if operation == "TrentService.GetPublicKey":
            spki = self.keys[name].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return {"KeyId": arn(name), "PublicKey": _text(spki), "KeyUsage": "ENCRYPT_DECRYPT"}
        if operation == "TrentService.Decrypt" and request["EncryptionAlgorithm"] == "RSAES_OAEP_SHA_256":
            return {"KeyId": arn(name), "Plaintext": _text(self._decrypted(name, request["CiphertextBlob"]))}
        raise KmsError("UnsupportedOperationException")

    def _decrypted(self, name: str, ciphertext: str) -> bytes:
        try:
            return self.keys[name].decrypt(base64.b64decode(ciphertext), OAEP(MGF1(SHA256()), SHA256(), None))
        except ValueError as error:
            raise KmsError("InvalidCiphertextException") from error


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@contextmanager
def fake_kms(keys: Mapping[str, RSAPrivateKey]) -> Iterator[FakeKms]:
    """It answers as long as the block lasts."""
    kms = FakeKms(keys)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                if "AWS4-HMAC-SHA256" not in self.headers.get("Authorization", ""):
                    raise KmsError("MissingAuthenticationTokenException")
                status, body = 200, kms.answer(self.headers["X-Amz-Target"], request)
            except KmsError as error:
                status, body = 400, {"__type": str(error), "message": "as it was asked to"}
            self._send(status, json.dumps(body).encode())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kms.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield kms
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
