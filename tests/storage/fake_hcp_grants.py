"""Access control lists of the fake HCP's S3 compatible API."""

from typing import Protocol
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from tests.storage.fake_hcp_messages import Answer, Refused, Request, xml
from tests.storage.fake_hcp_objects import Grants, Namespace

XMLNS = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"
_CANNED: dict[str, Grants] = {
    "private": (),
    "public-read": ((_EVERYBODY, "READ"),),
    "public-read-write": ((_EVERYBODY, "READ"), (_EVERYBODY, "WRITE")),
}


class HasGrants(Protocol):
    grants: Grants


def answer_for_grants(thing: HasGrants, namespace: Namespace, request: Request) -> Answer:
    """Read or replace the list of an object or of the namespace itself."""
    if request.method == "GET":
        return _shown(thing.grants, namespace.owner)
    canned = request.headers.get("x-amz-acl", "")
    if canned and canned not in _CANNED:
        raise Refused(501, "NotImplemented")
    thing.grants = (*namespace.private, *_CANNED[canned]) if canned else _listed(request.body)
    return Answer()


def _shown(grants: Grants, owner: str) -> Answer:
    listed = "".join(
        f'<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="{_type(grantee)}">'
        f"<{_tag(grantee)}>{escape(grantee)}</{_tag(grantee)}></Grantee><Permission>{permission}</Permission></Grant>"
        for grantee, permission in grants
    )
    return xml(
        f"<AccessControlPolicy><Owner><ID>{owner}</ID><DisplayName>{owner}</DisplayName></Owner>"
        f"<AccessControlList>{listed}</AccessControlList></AccessControlPolicy>"
    )


def _listed(body: bytes) -> Grants:
    found = []
    for grant in ET.fromstring(body).iter(f"{XMLNS}Grant"):  # noqa: S314  # what the client under test wrote
        grantee = grant.findtext(f"{XMLNS}Grantee/{XMLNS}ID") or grant.findtext(f"{XMLNS}Grantee/{XMLNS}URI")
        if not grantee:
            raise Refused(400, "InvalidArgument")
        found.append((grantee, grant.findtext(f"{XMLNS}Permission", "")))
    return tuple(found)


def _type(grantee: str) -> str:
    return "Group" if grantee.startswith("http") else "CanonicalUser"


def _tag(grantee: str) -> str:
    return "URI" if grantee.startswith("http") else "ID"
