"""What the fake HCP's S3 compatible API does with tenants and namespaces: lists above all."""

import re
from datetime import datetime
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from tests.storage.fake_hcp_grants import answer_for_grants
from tests.storage.fake_hcp_messages import Answer, Refused, Request, xml
from tests.storage.fake_hcp_objects import FakeNamespaces, Namespace, Version, check_md5

XMLNS = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


def answer_for_tenant(namespaces: FakeNamespaces) -> Answer:
    """The namespaces of the user. Of one that no date is known of, and of an empty list, HCP leaves out the element."""
    listed = "".join(f"<Bucket><Name>{name}</Name></Bucket>" for name in sorted(namespaces.by_name))
    buckets = f"<Buckets>{listed}</Buckets>" if listed else ""
    owner = f"<Owner><ID>{namespaces.owner}</ID></Owner>"
    return xml(f"<ListAllMyBucketsResult>{owner}{buckets}</ListAllMyBucketsResult>")


def answer_for_bucket(namespaces: FakeNamespaces, name: str, request: Request) -> Answer:
    if request.method == "PUT" and not request.query:
        return _create(namespaces, name)
    namespace = namespaces.found(name)
    if "acl" in request.query:
        return answer_for_grants(namespace, namespace, request)
    return _manage(namespaces, namespace, request)


def _manage(namespaces: FakeNamespaces, namespace: Namespace, request: Request) -> Answer:
    match request.method:
        case "HEAD":
            return Answer()
        case "DELETE":
            if any(namespace.versions.values()):
                raise Refused(409, "BucketNotEmpty")
            del namespaces.by_name[namespace.name]
            return Answer(204)
        case "POST" if "delete" in request.query:
            return _delete_many(namespace, request)
        case "PUT" if "versioning" in request.query:
            root = ET.fromstring(request.body)  # noqa: S314  # what the client under test wrote
            namespace.versioning = root.findtext(f"{XMLNS}Status", "")
            return Answer()
        case "GET":
            return _get(namespace, request)
    raise Refused(405, "MethodNotAllowed")


def _create(namespaces: FakeNamespaces, name: str) -> Answer:
    if not _NAME.fullmatch(name):
        raise Refused(400, "InvalidBucketName")
    if name in namespaces.by_name:
        raise Refused(200, "BucketAlreadyOwnedByYou")
    namespaces.by_name[name] = Namespace(name, namespaces.owner)
    return Answer()


def _delete_many(namespace: Namespace, request: Request) -> Answer:
    if "content-md5" not in request.headers:
        raise Refused(400, "InvalidRequest", "Missing required header for this request: Content-MD5")
    check_md5(request)
    root = ET.fromstring(request.body)  # noqa: S314  # what the client under test wrote
    gone = [key.text or "" for key in root.iter(f"{XMLNS}Key")]
    for key in gone:
        namespace.delete(key)
    listed = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in gone)
    return xml(f"<DeleteResult>{listed}</DeleteResult>")


def _get(namespace: Namespace, request: Request) -> Answer:
    if "versioning" in request.query:
        status = f"<Status>{namespace.versioning}</Status>" if namespace.versioning else ""
        return xml(f"<VersioningConfiguration>{status}</VersioningConfiguration>")
    if "uploads" in request.query:
        return _uploads(namespace, request.query.get("prefix", ""))
    if "versions" in request.query:
        return _versions(namespace, request.query.get("prefix", ""))
    return _objects(namespace, request)


def _objects(namespace: Namespace, request: Request) -> Answer:
    """A page of a listing, version 2. It holds folders too, which HCP makes out of the names of objects."""
    if request.query.get("list-type") != "2":
        raise Refused(501, "NotImplemented")
    prefix, after = (
        request.query.get("prefix", ""),
        request.query.get("continuation-token") or request.query.get("start-after", ""),
    )
    entries = {key: found for key in namespace.versions if (found := namespace.current(key))}
    folders = {key[: at + 1] for key in entries for at, character in enumerate(key) if character == "/"}
    names = sorted(name for name in {*entries, *folders} if name.startswith(prefix) and name > after)
    page = names[: int(request.query.get("max-keys", "1000"))]
    listed = "".join(
        f"<Contents><Key>{escape(name)}</Key>{_facts(entries.get(name), namespace)}</Contents>" for name in page
    )
    more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if len(names) > len(page) else ""
    cut = str(bool(more)).lower()
    return xml(f"<ListBucketResult><IsTruncated>{cut}</IsTruncated>{listed}{more}</ListBucketResult>")


def _facts(version: Version | None, namespace: Namespace) -> str:
    at = _time(version.modified_at if version else namespace.created_at)
    etag, size = (version.etag, len(version.data or b"")) if version else ("", 0)
    return f"<LastModified>{at}</LastModified><ETag>&quot;{etag}&quot;</ETag><Size>{size}</Size>"


def _uploads(namespace: Namespace, prefix: str) -> Answer:
    listed = "".join(
        f"<Upload><Key>{escape(upload.key)}</Key><UploadId>{upload_id}</UploadId>"
        f"<Initiated>{_time(upload.started_at)}</Initiated></Upload>"
        for upload_id, upload in namespace.uploads.items()
        if upload.key.startswith(prefix)
    )
    return xml(f"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{listed}</ListMultipartUploadsResult>")


def _versions(namespace: Namespace, prefix: str) -> Answer:
    """Of one key the oldest first, as HCP has it."""
    listed = ""
    for key, versions in sorted(namespace.versions.items()):
        for version in versions if key.startswith(prefix) else ():
            tag = "DeleteMarker" if version.data is None else "Version"
            facts = (
                _facts(version, namespace) if version.data is not None
                else f"<LastModified>{_time(version.modified_at)}</LastModified>"
            )  # fmt: skip
            latest = str(version is versions[-1]).lower()
            listed += (
                f"<{tag}><Key>{escape(key)}</Key><VersionId>{version.version_id}</VersionId>"
                f"<IsLatest>{latest}</IsLatest>{facts}</{tag}>"
            )
    return xml(f"<ListVersionsResult><IsTruncated>false</IsTruncated>{listed}</ListVersionsResult>")


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
