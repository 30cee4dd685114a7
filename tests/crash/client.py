"""What a person does with the API, over a real socket."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import httpx

# What httpx raises where the server dies before it has answered.
CONNECTION_LOST = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.ConnectError)
API = "/api/v1/documents"


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def attempt(client: httpx.Client, method: str, url: str, **content: Any) -> httpx.Response | None:
    """The answer, or None where the connection was lost before it."""
    try:
        return client.request(method, url, **content)
    except CONNECTION_LOST:
        return None


@dataclass
class Person:
    """Holds a token, and remembers what was acknowledged: document id to SHA-256."""

    token: str
    acknowledged: dict[str, str] = field(default_factory=dict)
    attempted: set[str] = field(default_factory=set)

    def client(self, url: str, *, timeout: float = 60) -> httpx.Client:
        # Every request on a connection of its own: after a refusal a server may close the one it came by.
        return httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=timeout,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def upload(self, client: httpx.Client, content: bytes, *, filename: str = "payslip.pdf") -> str:
        """Upload as a raw body and return the document's id once it was acknowledged."""
        self.attempted.add(digest_of(content))
        answer = client.post(API, content=content, headers={"X-Filename": filename, "Content-Type": "application/pdf"})
        assert answer.status_code == 201, answer.text
        document: dict[str, Any] = answer.json()
        assert document["sha256"] == digest_of(content)
        self.acknowledged[document["id"]] = digest_of(content)
        return str(document["id"])

    def listed(self, client: httpx.Client) -> set[str]:
        """The ids of every document that the person sees."""
        found: set[str] = set()
        cursor: str | None = ""
        while cursor is not None:
            page = client.get(API, params={"cursor": cursor, "limit": 200}).raise_for_status().json()
            found |= {item["id"] for item in page["items"]}
            cursor = page["next_cursor"]
        return found

    def digest_of_stored(self, client: httpx.Client, document: str) -> str:
        return digest_of(client.get(f"{API}/{document}/content").raise_for_status().content)

    def link_to(self, client: httpx.Client, document: str) -> str:
        """The path of a new link."""
        url: str = client.post(f"{API}/{document}/links", json={}).raise_for_status().json()["url"]
        return httpx.URL(url).path
