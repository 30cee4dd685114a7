"""The requests to S3 that carry objects, without what botocore does around each of them.

That takes two milliseconds and more of processor time for a request (events, endpoint rules, two user agents, a parser
for every answer); signing and sending take one.
"""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import urllib3.exceptions
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnected
from botocore.parsers import create_parser
from botocore.response import StreamingBody

from documents.storage.s3_address import Address, address_of, watch

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from mypy_boto3_s3 import S3Client

_HEADERS = {"IfMatch": "If-Match", "IfNoneMatch": "If-None-Match", "Range": "Range"}
_QUERY = {"PartNumber": "partNumber", "UploadId": "uploadId", "VersionId": "versionId"}
_DONE = frozenset((HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT))
# What no repetition, no other region and no fresh credentials would change.
_CERTAIN = frozenset(
    (
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.PRECONDITION_FAILED,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        HTTPStatus.NOT_IMPLEMENTED,
    )
)
_THROTTLED = frozenset((HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE))


@dataclass(frozen=True, slots=True)
class _Operation:
    """``name`` is the API's, ``call`` the client's; without the headers ``told`` an answer is none of S3's."""

    name: str
    call: str
    method: str
    told: tuple[str, ...]


_FACTS = ("ETag", "Last-Modified", "Content-Length")
_PUT = _Operation("PutObject", "put_object", "PUT", ("ETag",))
_PART = _Operation("UploadPart", "upload_part", "PUT", ("ETag",))
_GET = _Operation("GetObject", "get_object", "GET", _FACTS)
_HEAD = _Operation("HeadObject", "head_object", "HEAD", _FACTS)


@dataclass(slots=True)
class S3Wire:
    """Requests of one bucket, for any number of threads. Parameters and answers are named as the client names them.

    A request is signed by the client's signer and sent over its connections, with its certificates, proxies and waits.
    It is tried once. Where the answer is not plain, the client makes the same request: it repeats, follows to another
    region, and tells errors. To a put whose answer was lost the repetition may answer 412, as the client's own do.
    What a call raises, ``s3_errors`` translates. The body of a read belongs to the caller, who closes it.
    """

    client: "S3Client"
    bucket: str
    _address: Address | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        watch(self.client)

    def put_object(self, **parameters: Any) -> Mapping[str, Any]:
        return self._call(_PUT, parameters)

    def upload_part(self, **parameters: Any) -> Mapping[str, Any]:
        return self._call(_PART, parameters)

    def get_object(self, **parameters: Any) -> Mapping[str, Any]:
        return self._call(_GET, parameters)

    def head_object(self, **parameters: Any) -> Mapping[str, Any]:
        return self._call(_HEAD, parameters)

    def _call(self, operation: _Operation, parameters: dict[str, Any]) -> Mapping[str, Any]:
        if self._address is None:
            self._address = address_of(self.client, self.bucket)
        address = self._address
        if address and address.region and (answer := self._attempt(operation, address, parameters)) is not None:
            return answer
        return cast("Mapping[str, Any]", getattr(self.client, operation.call)(Bucket=self.bucket, **parameters))

    def _attempt(self, operation: _Operation, address: Address, parameters: dict[str, Any]) -> Mapping[str, Any] | None:
        """The answer; None where the client has to ask. Raises ClientError for what is certain."""
        request = self._signed(operation, address, parameters)
        client: Any = self.client
        try:
            response: AWSResponse = client._endpoint.http_session.send(request.prepare())
            if response.status_code in _CERTAIN:
                raise _error(operation, response)
        except (NotConnected, HTTPClientError, urllib3.exceptions.HTTPError):
            return None
        answer = _read(operation, response) if response.status_code in _DONE else None
        if answer is None:
            response.raw.close()
            if response.status_code in _THROTTLED:
                # As long as the client itself would pause.
                time.sleep(random.random())  # noqa: S311
            return None
        # A success fills up what the client may repeat, as its own do.
        client.meta.events.emit(
            f"after-call.s3.{operation.name}", http_response=response, parsed=answer, model=None, context={}
        )
        return answer

    def _signed(self, operation: _Operation, address: Address, parameters: dict[str, Any]) -> AWSRequest:
        query = "&".join(
            f"{called}={quote(str(parameters[name]), safe='-_.~')}"
            for name, called in _QUERY.items()
            if name in parameters
        )
        url = address.base + quote(parameters["Key"], safe="/~")
        headers = {called: parameters[name] for name, called in _HEADERS.items() if name in parameters}
        client: Any = self.client
        headers["User-Agent"] = client.meta.config.user_agent
        request = AWSRequest(
            operation.method,
            f"{url}?{query}" if query else url,
            headers,
            parameters.get("Body"),
            stream_output=operation is _GET,
        )
        request.context["client_config"] = client.meta.config
        signer = client._request_signer.get_auth_instance("s3", address.region, "s3v4")
        signer.add_auth(request)
        return request


def _read(operation: _Operation, response: "AWSResponse") -> dict[str, Any] | None:
    headers = response.headers
    if any(name not in headers for name in operation.told):
        return None
    answer: dict[str, Any] = {"ETag": headers["ETag"]}
    if operation.told is _FACTS:
        try:
            modified_at, size = parsedate_to_datetime(headers["Last-Modified"]), int(headers["Content-Length"])
        except ValueError:
            return None
        if modified_at.tzinfo is None:
            return None
        answer |= {"LastModified": modified_at, "ContentLength": size}
    if operation is _GET:
        answer["Body"] = StreamingBody(response.raw, answer["ContentLength"])
        answer["ContentRange"] = headers.get("Content-Range", "")
    return answer


def _error(operation: _Operation, response: "AWSResponse") -> ClientError:
    told = {"headers": response.headers, "status_code": response.status_code, "body": response.content}
    parser: Any = create_parser("rest-xml")
    return ClientError(parser.parse(told, None), operation.name)
