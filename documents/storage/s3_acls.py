"""Access control lists in stores with the API of S3."""

from collections.abc import Mapping
from typing import Any

from documents.storage.bucket_capabilities import AccessList, CannedAcl, Grant, Permission
from documents.storage.s3_objects import S3Operations


class S3Acls(S3Operations):
    """``Acls``. Where a bucket has them switched off ("bucket owner enforced") the store refuses to set any."""

    def bucket_acl(self) -> AccessList:
        bucket = self.bucket
        with bucket.errors():
            return _read(bucket.client.get_bucket_acl(Bucket=bucket.name))

    def set_bucket_acl(self, acl: CannedAcl | AccessList) -> None:
        bucket = self.bucket
        with bucket.errors():
            bucket.client.put_bucket_acl(Bucket=bucket.name, **_written(acl))

    def object_acl(self, key: str) -> AccessList:
        bucket, full_key = self.bucket, self.bucket.full_key(key)
        with bucket.errors(key):
            return _read(bucket.client.get_object_acl(Bucket=bucket.name, Key=full_key))

    def set_object_acl(self, key: str, acl: CannedAcl | AccessList) -> None:
        bucket, full_key = self.bucket, self.bucket.full_key(key)
        with bucket.errors(key):
            bucket.client.put_object_acl(Bucket=bucket.name, Key=full_key, **_written(acl))


def _read(answer: Mapping[str, Any]) -> AccessList:
    """Raises KeyError where the answer is none, which ``errors`` translates."""
    grants = (
        Grant(grant["Grantee"].get("ID") or grant["Grantee"]["URI"], Permission(grant["Permission"]))
        for grant in answer["Grants"]
    )
    return AccessList(answer["Owner"]["ID"], tuple(grants))


def _written(acl: CannedAcl | AccessList) -> dict[str, Any]:
    if isinstance(acl, CannedAcl):
        return {"ACL": acl.value}
    grants = [{"Grantee": _grantee(grant.grantee), "Permission": grant.permission.value} for grant in acl.grants]
    return {"AccessControlPolicy": {"Owner": {"ID": acl.owner}, "Grants": grants}}


def _grantee(grantee: str) -> dict[str, str]:
    if grantee.startswith("http"):
        return {"Type": "Group", "URI": grantee}
    return {"Type": "CanonicalUser", "ID": grantee}
