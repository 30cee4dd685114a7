"""HCP's management API: the protocols by which a namespace can be reached, and from where.

Sources: Hitachi Content Platform Tenant Management Help (MK-95HCPH002), "HCP management API reference": authentication,
the resource protocols, data types, and "HTTP status codes for the HCP management API".
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from documents.errors import (
    BucketNotFound,
    StorageAccessDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
    UnsupportedOperation,
)
from documents.storage.hcp_credentials import HcpCredentials
from documents.storage.hcp_documents import document_of, settings_in
from documents.storage.hcp_settings import HcpProtocol, HttpSettings, ProtocolSettings

CONNECT_TIMEOUT, READ_TIMEOUT = timedelta(seconds=10), timedelta(seconds=30)
# Settings are some kilobytes; what is longer is none of HCP's. In bytes.
_LONGEST_ANSWER = 1024 * 1024
_LONGEST_REASON = 300  # characters of what HCP says in X-HCP-ErrorMessage
_ADDRESS = (
    "Check HCP_ADMIN_URL: https://<tenant>.<hcp>:9090 or, with an account of the system, https://admin.<hcp>:9090"
)
_ACCOUNT = (
    "Check HCP_USER and HCP_PASSWORD, that the user has the administrator role, and that HCP lets this machine use the "
    "management API of the tenant"
)
_LATER = "Try again later; if it stays, look at HCP"
_MEANINGS: Mapping[int, tuple[type[StorageError], str]] = {
    # HCP says 403 where others say 401: to credentials that are missing or wrong as to a role that is not enough.
    403: (
        StorageAccessDenied,
        _ACCOUNT,
    ),
    404: (BucketNotFound, "Check HCP_TENANT and HCP_NAMESPACE"),
    405: (UnsupportedOperation, "This HCP lacks the operation"),
    # "HCP was unable to handle the request", says its documentation of 401.
    401: (StorageUnavailable, _LATER),
    507: (StorageFull, ""),
}


class HcpManagement:
    """The protocols of one namespace. For any number of threads; ``close`` gives the connections back.

    ``admin_url`` is ``https://<tenant>.<hcp>:9090``, or ``https://admin.<hcp>:9090`` for an account of the system, with
    or without ``/mapi``. Redirects are not followed and nothing is repeated: the credentials go to one address, and an
    error that is ``retryable`` says so.
    """

    def __init__(  # noqa: PLR0913  # what identifies an account and a namespace, and how long to wait
        self,
        *,
        admin_url: str,
        tenant: str,
        namespace: str,
        user: str,
        password: str,
        name: str = "hcp",
        connect_timeout: timedelta = CONNECT_TIMEOUT,
        read_timeout: timedelta = READ_TIMEOUT,
    ) -> None:
        self.name, self.tenant, self.namespace = name, tenant, namespace
        root = admin_url.rstrip("/").removesuffix("/mapi")
        self._protocols = f"{root}/mapi/tenants/{tenant}/namespaces/{namespace}/protocols"
        self._authorization = HcpCredentials.of(user, password).authorization
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=connect_timeout.total_seconds(), read=read_timeout.total_seconds()),
            retries=False,
        )

    def read(self, protocol: HcpProtocol) -> ProtocolSettings:
        """Return the settings of a protocol. A secret among them is not told, whatever HCP answers.

        Raises StorageAccessDenied, BucketNotFound where there is no such tenant or namespace, StorageUnavailable.
        """
        answer = self._request("GET", protocol)
        try:
            return settings_in(protocol, json.loads(answer))
        except (ValueError, RecursionError, StorageError) as error:
            raise StorageUnavailable(
                "The answer is not what HCP's documentation says", provider=self.name, hint=_ADDRESS
            ) from error

    def update(self, change: ProtocolSettings) -> None:
        """Change a protocol's settings: POST, as HCP has it. What is None stays; a list of addresses is replaced.

        Safe to repeat. Raises UnsupportedOperation where HCP refuses S3 because the namespace has no ACLs, StorageError
        with HCP's own words where it refuses something else, and what ``read`` raises.
        """
        try:
            self._request("POST", change.protocol, json.dumps(document_of(change)).encode())
        except _Refused as error:
            raise self._refusal(error, change) from error

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _request(self, method: str, protocol: HcpProtocol, body: bytes | None = None) -> bytes:
        headers = {"Authorization": self._authorization, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = self._pool.request(
                method,
                f"{self._protocols}/{protocol.value}",
                headers=headers,
                body=body,
                redirect=False,
                preload_content=False,
            )
            try:
                return self._body_of(answer)
            finally:
                answer.close()
        except SSLError as error:
            raise StorageUnavailable(
                "TLS with HCP failed",
                provider=self.name,
                hint="Give this machine the certificate authority of HCP, by SSL_CERT_FILE, and check HCP_ADMIN_URL",
            ) from error
        except (HTTPError, OSError) as error:
            raise StorageUnavailable(
                f"HCP did not answer ({type(error).__name__})", provider=self.name, hint=_ADDRESS
            ) from error

    def _body_of(self, answer: urllib3.BaseHTTPResponse) -> bytes:
        """Return the body of a 200. Raises the StorageError of any other answer."""
        status, reason = answer.status, _reason(answer.headers.get("X-HCP-ErrorMessage", ""))
        if status == HTTPStatus.OK:
            body = answer.read(_LONGEST_ANSWER + 1)
            if len(body) > _LONGEST_ANSWER:
                raise StorageUnavailable("The answer is too long for HCP's", provider=self.name, hint=_ADDRESS)
            return body
        said = f"HCP answered {status}{f': {reason}' if reason else ''}"
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise StorageUnavailable(f"HCP answered {status} and is elsewhere", provider=self.name, hint=_ADDRESS)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in _MEANINGS:
            raise StorageUnavailable(said, provider=self.name, hint=_LATER)
        kind, hint = _MEANINGS.get(status, (_Refused, ""))
        raise kind(said, provider=self.name, hint=hint)

    def _refusal(self, error: "_Refused", change: ProtocolSettings) -> StorageError:
        if isinstance(change, HttpSettings) and change.hs3_enabled:
            hint = "hs3Enabled can be true only where the namespace has ACLs: enable them first"
            kind = UnsupportedOperation if "ACL" in str(error).upper() else StorageError
            return kind(error.said, provider=self.name, hint=hint)
        return StorageError(error.said, provider=self.name, hint="Nothing was changed")


class _Refused(StorageError):
    """An answer that says the request itself is wrong; ``said`` is what HCP said, without provider and hint."""

    def __init__(self, message: str, *, provider: str = "", key: str = "", hint: str = "") -> None:
        super().__init__(message, provider=provider, key=key, hint=hint)
        self.said = message


def _reason(header: str) -> str:
    """What HCP says of an error, fit for one line of a log."""
    return "".join(character if character.isprintable() else " " for character in header)[:_LONGEST_REASON].strip()
