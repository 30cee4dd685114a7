"""The management API of the fake HCP, as far as the protocols of one namespace go."""

import base64
import copy
import hashlib
import json
from typing import Any

from tests.storage.fake_hcp_messages import Answer, Request

_ADDRESSES = {"allowAddresses": {"ipAddress": ["0.0.0.0/0"]}, "denyAddresses": {"ipAddress": []}}
# The data types of MK-95HCPH002, with the defaults that it tells.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "http": {
        "httpEnabled": False,
        "httpsEnabled": True,
        "restEnabled": True,
        "restRequiresAuthentication": True,
        "hs3Enabled": False,
        "hs3RequiresAuthentication": True,
        "hswiftEnabled": False,
        "hswiftRequiresAuthentication": True,
        "httpActiveDirectorySSOEnabled": True,
        "webdavEnabled": False,
        "webdavCustomMetadata": False,
        "webdavBasicAuthEnabled": False,
        "webdavBasicAuthUsername": "",
        "webdavBasicAuthPassword": "",
        "ipSettings": {**_ADDRESSES, "allowIfInBothLists": True},
    },
    "nfs": {
        "enabled": False,
        "uid": 0,
        "gid": 0,
        "ipSettings": {"allowAddresses": {"ipAddress": ["0.0.0.0/0"]}},
    },
    "cifs": {
        "enabled": False,
        "requiresAuthentication": True,
        "caseSensitive": True,
        "caseForcing": "DISABLED",
        "ipSettings": _ADDRESSES,
    },
    "smtp": {
        "enabled": False,
        "emailFormat": ".eml",
        "emailLocation": "/email/",
        "separateAttachments": False,
        "ipSettings": _ADDRESSES,
    },
}


class FakeManagement:
    """``settings`` by protocol. ``has_acls`` decides whether S3 may be enabled."""

    def __init__(self, user: str, password: str, tenant: str, namespace: str) -> None:
        digest = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
        self._authorization = f"HCP {base64.b64encode(user.encode()).decode()}:{digest}"
        self._place = f"/mapi/tenants/{tenant}/namespaces/{namespace}/protocols/"
        self.reset()

    def reset(self) -> None:
        self.settings, self.has_acls = copy.deepcopy(_DEFAULTS), True

    def answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != self._authorization:
            return _refused(403, "")
        protocol = request.path.removeprefix(self._place)
        if protocol not in self.settings:
            # So HCP answers a HEAD for what is not there.
            return _refused(302 if request.method == "HEAD" else 404, "")
        if request.headers.get("accept") != "application/json":
            return _refused(415, "")
        match request.method:
            case "HEAD":
                return Answer()
            case "GET":
                return Answer(200, json.dumps(self.settings[protocol]).encode(), {"Content-Type": "application/json"})
            case "POST":
                return self._modify(protocol, request)
        return _refused(405, "")

    def _modify(self, protocol: str, request: Request) -> Answer:
        if request.headers.get("content-type") != "application/json":
            return _refused(415, "")
        try:
            document = json.loads(request.body)
        except ValueError:
            return _refused(400, "The request body is not well-formed JSON.")
        if complaint := _complaint(document, self.settings[protocol], has_acls=self.has_acls):
            return _refused(400, complaint)
        addresses = self.settings[protocol]["ipSettings"] | document.pop("ipSettings", {})
        self.settings[protocol] |= document | {"ipSettings": addresses}
        return Answer()


def _complaint(document: dict[str, Any], current: dict[str, Any], *, has_acls: bool) -> str:
    """What HCP says to a change that breaks a rule of its data types."""
    addresses = document.get("ipSettings", {})
    for known, given in ((current, document), (current["ipSettings"], addresses)):
        for name, value in given.items():
            if name not in known:
                return f"'{name}' is not a valid property."
            if type(value) is not type(known[name]):
                return f"'{name}' has an invalid value."
    if document.get("hs3Enabled") and not has_acls:
        return "The HS3 API cannot be enabled because ACLs are not enabled for the namespace."
    for name in ("allowAddresses", "denyAddresses"):
        if name in addresses and set(addresses[name]) != {"ipAddress"}:
            return f"'{name}' has an invalid value."
    return ""


def _refused(status: int, message: str) -> Answer:
    return Answer(status, headers={"X-HCP-ErrorMessage": message} if message else {})
