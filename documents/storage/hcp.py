"""Objects in a namespace of Hitachi Content Platform (HCP), by its S3 compatible API.

What HCP calls a namespace is a bucket here. Importing this module imports botocore, which takes a moment:
``documents.wiring`` does it where one is built.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from documents.errors import ObjectExists, StorageUnavailable
from documents.storage.base import Buffer, ObjectInfo, ObjectRef
from documents.storage.bucket_capabilities import BucketInfo
from documents.storage.capabilities import Deletion, Part
from documents.storage.hcp_client import hcp_config, without_redirector
from documents.storage.hcp_errors import HcpBucket, status_of
from documents.storage.multipart import DEFAULT_PART_SIZE
from documents.storage.patience import LONGEST_WAIT
from documents.storage.s3 import S3Adapter
from documents.storage.s3_buckets import S3Buckets
from documents.storage.s3_client import client_of, s3_alias
from documents.storage.streaming import delete_one_by_one

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class HcpProvider(S3Adapter, S3Buckets):
    """A ``StorageProvider`` with every capability of ``capabilities.py`` but ``CompareAndSet``.

    - Write-once is HCP's own nature: where the namespace keeps no versions, a put to a key that is taken is answered
      409, and where it does, the condition of every put decides. Both are told as ``ObjectExists``. For the same reason
      nothing can be replaced, and ``CompareAndSet`` is not claimed.
    - ``BulkDelete`` is claimed and makes one request for each key. HCP refuses a bulk deletion without a Content-MD5,
      which current clients no longer send. The promise is kept to the letter, each key with its own outcome and
      nothing deleted beyond what the caller iterates over; what differs is the price, one request for each key.
    - Parts may have 1 MB to 5 GB (MK-95HCPH002, "Working with multipart uploads"). ``min_part_size`` stays at S3's
      5 MiB: smaller parts would only make more requests, and no object needs parts that another store refuses.
    - Redirects are not followed, addresses are path-style.

    The caller keeps and closes ``client``, which is made to follow no redirects. ``bucket`` is the namespace;
    ``prefix`` and ``part_size`` are as in ``S3Adapter``.
    """

    # Not claimed: without versions HCP never replaces an object.
    replace = None  # type: ignore[assignment]
    # HCP counts five gigabytes, for CopyObject and for a part, where Amazon counts 5 GiB.
    largest_copy = 5 * 1000**3

    def __init__(
        self,
        *,
        client: "S3Client",
        bucket: str,
        name: str = "hcp",
        prefix: str = "",
        part_size: int = DEFAULT_PART_SIZE,
    ) -> None:
        super().__init__(client=client, bucket=bucket, name=name, prefix=prefix, part_size=part_size)
        without_redirector(client)
        self.bucket = HcpBucket(client, bucket, self.bucket.prefix, provider=name)

    @classmethod
    def from_storages(
        cls,
        alias: str = "hcp",
        *,
        name: str = "hcp",
        part_size: int = DEFAULT_PART_SIZE,
        timeout: timedelta = LONGEST_WAIT,
    ) -> Self:
        """The provider of an alias in ``settings.STORAGES`` whose OPTIONS are ``hcp_credentials.storage_options``.

        Build it once per process, after any fork. Raises ConfigurationError where there is no such alias.
        """
        storage = s3_alias(alias)
        storage.client_config = hcp_config(storage.client_config)
        return cls(
            client=client_of(storage, timeout=timeout),
            bucket=storage.bucket_name,
            name=name,
            prefix=storage.location,
            part_size=part_size,
        )

    def put_bytes(self, key: str, data: Buffer) -> ObjectRef:
        with self._taken_key(key):
            return super().put_bytes(key, data)

    def put_if_absent(self, key: str, data: Buffer) -> ObjectRef:
        with self._taken_key(key):
            return super().put_if_absent(key, data)

    def complete_multipart(self, key: str, upload_id: str, parts: Iterable[Part]) -> ObjectInfo:
        with self._taken_key(key):
            return super().complete_multipart(key, upload_id, parts)

    def copy(self, source: str, key: str) -> ObjectInfo:
        with self._taken_key(key):
            return super().copy(source, key)

    def delete_many(self, keys: Iterable[str]) -> Iterator[Deletion]:
        return delete_one_by_one(self, keys)

    def list_buckets(self) -> Iterator[BucketInfo]:
        """Yield the namespaces of the tenant that the user owns and that have the S3 compatible API enabled.

        HCP leaves out the list where there is none, and the date of a namespace; it answers 403 where the management
        API is not enabled for the tenant.
        """
        with self.bucket.errors():
            answer: Mapping[str, Any] = self.bucket.client.list_buckets()
            if "Owner" not in answer:
                # Then it is a list, or no answer of HCP at all: KeyError, which ``errors`` translates.
                answer["Buckets"]
        for entry in answer.get("Buckets", ()):
            if "Name" in entry:
                created_at: datetime | None = entry.get("CreationDate")
                yield BucketInfo(entry["Name"], created_at.astimezone(UTC) if created_at else None)

    @contextmanager
    def _taken_key(self, key: str) -> Iterator[None]:
        """Tell a 409 by what it means here: the key is an object's, or a folder's, which HCP makes out of keys."""
        try:
            yield
        except StorageUnavailable as error:
            if status_of(error) != HTTPStatus.CONFLICT:
                raise
            taken = "An object" if self.exists(key) else "A folder" if self._is_folder(key) else ""
            if not taken:
                # Somebody is writing it at this moment.
                raise
            raise ObjectExists(f"{taken} with this key is there already", provider=self.name, key=key) from error

    def _is_folder(self, key: str) -> bool:
        return any(True for _ in self.iter_locations(f"{key}/"))
