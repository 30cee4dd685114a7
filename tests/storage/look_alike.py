"""A look-alike of S3: a gateway before a real store, which keeps all that S3 promises but one thing.

It takes the header or the signature that the real store would act on out of a request, and signs what is left anew.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from enum import Enum
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.services.s3_server import S3Server
from tests.storage.forwarding_server import Answer, ForwardingHandler, serving

SIGNATURE = ("authorization", "x-amz-date", "x-amz-content-sha256")
EMPTY_LISTING = (
    b'<?xml version="1.0"?><ListBucketResult><Name>b</Name><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys>'
    b"<IsTruncated>false</IsTruncated></ListBucketResult>"
)
NOT_IMPLEMENTED = b'<?xml version="1.0"?><Error><Code>NotImplemented</Code></Error>'
CLOCK_OFF_BY = timedelta(hours=1)


class Defect(Enum):
    """What the look-alike does not do, named by the probe that must find it; refusing conditions is no failure."""

    IGNORES_CONDITIONS = "conditional create"
    REFUSES_CONDITIONS = "conditional create is missing"
    IGNORES_RANGES = "range"
    LISTS_LATE = "listing"
    HAS_A_WRONG_CLOCK = "clock"
    IGNORES_EXPIRY = "signed URL"


@contextmanager
def look_alike(server: S3Server, defect: Defect) -> Iterator[S3Server]:
    """The server as its clients see it through the gateway."""

    class Handler(_Handler):
        target = urlsplit(server.endpoint_url).netloc

    Handler.credentials = Credentials(server.access_key, server.secret_key)
    Handler.defect = defect
    with serving(Handler) as url:
        yield replace(server, endpoint_url=url)


class _Handler(ForwardingHandler):
    credentials: Credentials
    defect: Defect

    def forward(self, body: bytes) -> Answer:
        match self.defect:
            case Defect.IGNORES_CONDITIONS:
                return self._without(body, "if-none-match")
            case Defect.REFUSES_CONDITIONS if "if-none-match" in self.headers:
                return Answer(501, (("Content-Type", "application/xml"),), NOT_IMPLEMENTED)
            case Defect.IGNORES_RANGES:
                return self._without(body, "range")
            case Defect.IGNORES_EXPIRY if "X-Amz-Expires=" in self.path:
                return self._signed_anew(body)
            case Defect.LISTS_LATE if self.command == "GET" and "list-type=2" in self.path:
                return Answer(200, (("Content-Type", "application/xml"),), EMPTY_LISTING)
        answer = super().forward(body)
        if self.defect is Defect.HAS_A_WRONG_CLOCK:
            return replace(answer, headers=tuple((name, _earlier(name, value)) for name, value in answer.headers))
        return answer

    def _without(self, body: bytes, header: str) -> Answer:
        if header not in self.headers:
            return super().forward(body)
        del self.headers[header]
        return self._signed_anew(body)

    def _signed_anew(self, body: bytes) -> Answer:
        parts = urlsplit(self.path)
        query = [
            (name, value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
            if not name.startswith("X-Amz-")
        ]
        path = f"{parts.path}?{urlencode(query, quote_via=quote)}" if query else parts.path
        headers = {name: value for name, value in self.headers.items() if name.lower() not in (*SIGNATURE, "expect")}
        request = AWSRequest(self.command, f"http://{self.headers['Host']}{path}", headers, body)
        S3SigV4Auth(self.credentials, "s3", "us-east-1").add_auth(request)
        return self.ask(path, dict(request.headers.items()), body)


def _earlier(name: str, value: str) -> str:
    if name.lower() != "last-modified":
        return value
    return format_datetime(parsedate_to_datetime(value) - CLOCK_OFF_BY, usegmt=True)
