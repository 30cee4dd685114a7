"""Streamed writes of the GCS provider: a resumable upload session, which the store ends with one visible object."""

import base64
import re
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import google_crc32c
from google.api_core.exceptions import from_http_response

from documents.errors import BucketNotFound, StorageUnavailable
from documents.storage.base import Buffer, StorageProvider
from documents.storage.gcs_bucket import TIMEOUT, GcsBucket
from documents.storage.part_writer import PartWriter

# A multiple of 256 KiB, as every part but the last must be (Cloud Storage, "Resumable uploads").
PART_SIZE = 8 * 1024 * 1024
# What the protocol says for "go on", and to a session that is cancelled now or was gone before.
_GO_ON = HTTPStatus.PERMANENT_REDIRECT
_CANCELLED = (499, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_RECEIVED = re.compile(r"bytes=0-(\d+)")
# Pauses in seconds before the store is asked how far it got. Any progress starts them again.
_PAUSES = (0.1, 0.5, 2.0)


class GcsWriter(PartWriter):
    """The session carries ``ifGenerationMatch=0``, which the store checks when it begins and when it ends.

    The last part carries the CRC32C of the whole object, so that the store refuses one that changed on its way.
    A session that was neither ended nor cancelled is shown in no listing; the store drops it after a week (Cloud
    Storage, "Resumable uploads").
    """

    def __init__(self, store: StorageProvider, bucket: GcsBucket, key: str) -> None:
        super().__init__(store, key)
        self._bucket, self._blob = bucket, bucket.blob(key)
        self._session: str | None = None
        self._received = 0
        self._crc32c = google_crc32c.Checksum()

    def _next_size(self) -> int:
        return PART_SIZE

    def _send(self, part: bytearray) -> None:
        if self._session is None:
            self._session = self._begin()
        self._transmit(part, is_last=False)

    def _finish(self, part: bytearray) -> int:
        stored = self._transmit(part, is_last=True)
        with self._bucket.errors(self._key):
            return int(stored["size"])

    def _drop(self) -> None:
        if self._session is None:
            return
        with self._bucket.errors(self._key):
            answer = self._bucket.client._http.request("DELETE", self._session, timeout=TIMEOUT)
            if not answer.ok and answer.status_code not in _CANCELLED:
                raise from_http_response(answer)

    def _begin(self) -> str:
        bucket = self._bucket
        with bucket.errors(self._key, missing=BucketNotFound):
            session = self._blob.create_resumable_upload_session(
                content_type="application/octet-stream", if_generation_match=0, checksum=None, timeout=TIMEOUT,
                retry=bucket.retry,
            )  # fmt: skip
            if not isinstance(session, str):
                raise TypeError("A session without a URL")
            return session

    def _transmit(self, part: bytearray, *, is_last: bool) -> Mapping[str, Any]:
        """Send until the store has all of ``part``; after a failure it is asked how far it got. Returns its answer."""
        self._crc32c.update(bytes(part))
        start, end = self._received, self._received + len(part)
        total = str(end) if is_last else "*"
        stored, failures = None, 0
        with memoryview(part) as view:
            while stored is None and (is_last or self._received < end):
                before = self._received
                try:
                    stored = self._request(view[before - start :], total)
                except StorageUnavailable:
                    if failures == len(_PAUSES):
                        raise
                    time.sleep(_PAUSES[failures])
                    stored = self._request(b"", total)
                failures = 0 if self._received > before else failures + 1
                if failures > len(_PAUSES) or not before <= self._received <= end or (stored and not is_last):
                    raise self._broken()
        return stored or {}

    def _request(self, rest: Buffer, total: str) -> Mapping[str, Any] | None:
        """Send ``rest``, or ask with nothing how far the store got. Returns the object once it is whole."""
        size = memoryview(rest).nbytes
        span = f"{self._received}-{self._received + size - 1}" if size else "*"
        headers = {"Content-Range": f"bytes {span}/{total}"}
        if total != "*":
            headers["x-goog-hash"] = f"crc32c={base64.b64encode(self._crc32c.digest()).decode()}"
        # To a part a 404 says that the session has gone.
        with self._bucket.errors(self._key, missing=StorageUnavailable):
            answer = self._bucket.client._http.request(
                "PUT", self._session, data=rest, headers=headers, timeout=TIMEOUT, allow_redirects=False
            )
            if answer.status_code == _GO_ON:
                received = _RECEIVED.fullmatch(answer.headers.get("Range", ""))
                self._received = int(received[1]) + 1 if received else 0
                return None
            if not answer.ok:
                raise from_http_response(answer)
            stored: Mapping[str, Any] = answer.json()
            int(stored["generation"])
            return stored

    def _broken(self) -> StorageUnavailable:
        return StorageUnavailable(
            f"The upload does not get beyond byte {self._received:,}", provider=self._bucket.provider, key=self._key
        )
