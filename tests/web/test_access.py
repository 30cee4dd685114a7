"""Who may do what: every route, method and role, out of the URL resolver. A route that is not listed is red."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from documents.filestorage import VaultStorage
from documents.models import Document, StagedAttachment
from documents.services.actors import Actor
from documents.services.editions import edition_of
from documents.services.links import create_link
from documents.services.tokens import create_token
from documents.services.uploads import begin_upload
from tests.routes import every_route

SIGN_IN, NOT_FOUND, NO_METHOD = "sign in", 404, 405


@dataclass(frozen=True)
class Expected:
    """The answer to each role; statuses, or SIGN_IN for the redirect to it."""

    owner: int | str
    another: int | str
    staff: int | str
    nobody: int | str = SIGN_IN


# Method and route of every page and API operation of ours. {document}, {staged}, {link} are Alice's.
MATRIX: dict[str, Expected] = {
    "GET /": Expected(200, 200, 200),
    "GET /upload/": Expected(200, 200, 200),
    "POST /upload/": Expected(302, 302, 302),
    "POST /upload/raw": Expected(201, 201, 201),
    "POST /upload/staged": Expected(302, 404, 404),
    "GET /documents/{document}/": Expected(200, 404, 404),
    "GET /documents/{document}/content": Expected(200, 404, 404),
    "HEAD /documents/{document}/content": Expected(200, 404, 404),
    "GET /documents/{document}/edit": Expected(200, 404, 404),
    "POST /documents/{document}/edit": Expected(302, 404, 404),
    "GET /documents/{document}/delete": Expected(200, 404, 404),
    "POST /documents/{document}/delete": Expected(302, 404, 404),
    "POST /documents/{document}/links": Expected(201, 404, 404),
    "GET /links/": Expected(200, 200, 200),
    "POST /links/{link}/revoke": Expected(302, 404, 404),
    "GET /l/{token}": Expected(200, 200, 200, 200),
    "HEAD /l/{token}": Expected(200, 200, 200, 200),
    "POST /l/{token}": Expected(200, 200, 200, 200),
    "GET /files/{signed}": Expected(200, 200, 200, 200),
    "GET /healthz": Expected(200, 200, 200, 200),
    "GET /readyz": Expected(200, 200, 200, 200),
    "GET /metrics": Expected(200, 200, 200, 200),
    "GET /api/v1/docs": Expected(200, 200, 200, 200),
    "GET /api/v1/openapi.json": Expected(200, 200, 200, 200),
    "GET /api/v1/documents": Expected(200, 200, 200, 401),
    "POST /api/v1/documents": Expected(201, 201, 201, 401),
    "GET /api/v1/documents/{document}": Expected(200, 404, 404, 401),
    "PATCH /api/v1/documents/{document}": Expected(200, 404, 404, 401),
    "DELETE /api/v1/documents/{document}": Expected(204, 404, 404, 401),
    "GET /api/v1/documents/{document}/content": Expected(200, 404, 404, 401),
    "HEAD /api/v1/documents/{document}/content": Expected(200, 404, 404, 401),
    "POST /api/v1/documents/{document}/links": Expected(201, 404, 404, 401),
    "GET /api/v1/documents/{document}/links": Expected(200, 404, 404, 401),
    "DELETE /api/v1/links/{link}": Expected(204, 404, 404, 401),
}
# Routes of Django and allauth, which have tests of their own; ours are everything else.
FOREIGN = ("admin/", "accounts/")
# What answers a signed-in client without a token: the API knows no sessions.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def routes() -> Iterator[str]:
    """Every route of ours, with Alice's things in the place of converters."""
    for route in every_route():
        if not route.startswith(FOREIGN):
            yield "/" + re.sub(r"<\w+:(document|link|token|signed)(_id)?>", r"{\1}", route)


def test_every_route_is_in_the_matrix() -> None:
    listed = {entry.split(" ", 1)[1] for entry in MATRIX}
    # ninja lists its root, which answers nothing but links to it.
    assert {route for route in routes() if route != "/api/v1/"} == listed


@dataclass(frozen=True)
class Place:
    """Alice's things: a document, a link to it and a staged attachment."""

    names: dict[str, str]

    def path(self, route: str) -> str:
        for name, value in self.names.items():
            route = route.replace(name, value)
        return route

    def body(self, path: str) -> dict[str, Any]:
        """What makes a request to this path one that is granted to whoever may make it."""
        if path == "/upload/":
            return {"data": {"files": SimpleUploadedFile("a.txt", b"abc")}}
        if path in ("/upload/raw", "/api/v1/documents"):
            return {"data": b"abc", "content_type": "text/plain"}
        if path.endswith("/edit"):
            edition = edition_of(Document.objects.get(pk=self.names["{document}"]))
            return {"data": {"title": "a", "edition": edition, "form-TOTAL_FORMS": "0", "form-INITIAL_FORMS": "0"}}
        if path == "/upload/staged":
            return {"data": {"confirm": self.names["{staged}"]}}
        if path.endswith("/links"):
            in_json = {"data": "{}", "content_type": "application/json"}
            return in_json if path.startswith("/api/") else {"data": {"expires_in": "3600"}}
        return {}


@pytest.fixture
def place(store: Callable[..., Document], alice: User, as_alice: Actor) -> Place:
    document = store()
    made = create_link(document, creator=alice, actor=as_alice)
    with begin_upload(owner=alice, filename="a", content_type="", actor=as_alice) as upload:
        staged = upload.finish()
    file = VaultStorage()
    signed = file.url(file.save("a.txt", ContentFile(b"abc"))).removeprefix("/files/")
    names = {"signed": signed, "document": document.pk, "link": made.link.pk, "token": made.token, "staged": staged.pk}
    return Place({f"{{{name}}}": str(value) for name, value in names.items()})


def ask(client: Client, method: str, path: str, token: str, place: Place) -> Any:
    headers = {"Host": "localhost"}
    if token and path.startswith("/api/"):
        headers["Authorization"] = f"Bearer {token}"
    if method == "POST":
        return client.post(path, headers=headers, **place.body(path))
    if method == "PATCH":
        return client.patch(path, '{"title": "a", "attributes": {"b": 1}}', "application/json", headers=headers)
    return client.generic(method, path, headers=headers)


@pytest.fixture
def role(request: pytest.FixtureRequest, alice: User, bob: User, sam: User, as_alice: Actor) -> tuple[str, Client, str]:
    user = {"owner": alice, "another": bob, "staff": sam, "nobody": None}[request.param]
    client = Client()
    if user is None:
        return request.param, client, ""
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return request.param, client, create_token(user, actor=as_alice).token


@pytest.mark.parametrize("role", ["owner", "another", "staff", "nobody"], indirect=True)
@pytest.mark.parametrize("entry", MATRIX)
def test_each_role_gets_what_the_matrix_says(entry: str, role: tuple[str, Client, str], place: Place) -> None:
    name, client, token = role
    method, route = entry.split(" ", 1)

    response = ask(client, method, place.path(route), token, place)

    expected = getattr(MATRIX[entry], name)
    if expected == SIGN_IN:
        assert (response.status_code, response["Location"].split("?")[0]) == (302, "/accounts/login/")
    else:
        assert response.status_code == expected


@pytest.mark.parametrize("role", ["owner"], indirect=True)
def test_a_method_that_is_not_listed_is_refused(role: tuple[str, Client, str], place: Place) -> None:
    _, client, token = role
    for route in {entry.split(" ", 1)[1] for entry in MATRIX}:
        for method in METHODS:
            listed = f"{method} {route}" in MATRIX or (method == "HEAD" and f"GET {route}" in MATRIX)
            if not listed:
                assert ask(client, method, place.path(route), token, place).status_code == NO_METHOD, (
                    f"{method} {route}"
                )


def test_what_is_not_yours_looks_like_what_does_not_exist(
    client_of: Callable[[User | None], Client], bob: User, place: Place
) -> None:
    theirs = client_of(bob).get(place.path("/documents/{document}/"))
    nothing = client_of(bob).get("/documents/00000000-0000-4000-8000-000000000000/")

    assert theirs.status_code == nothing.status_code == 404
    # What differs on every answer: the form's token, the request's id.
    changing = rb'name="csrfmiddlewaretoken" value="[^"]+"|urn:request:[0-9a-f-]+|request <code>[0-9a-f-]+'
    assert re.sub(changing, b"", theirs.content) == re.sub(changing, b"", nothing.content)
    page = {"Accept": "text/html"}
    theirs = client_of(bob).get(place.path("/documents/{document}/"), headers=page)
    nothing = client_of(bob).get("/documents/00000000-0000-4000-8000-000000000000/", headers=page)
    assert re.sub(changing, b"", theirs.content) == re.sub(changing, b"", nothing.content)


def test_a_staged_upload_of_another_is_out_of_reach(alice: User, bob: User, as_alice: Actor) -> None:
    with begin_upload(owner=alice, filename="a", content_type="", actor=as_alice) as upload:
        staged = upload.finish()
    client = Client()
    client.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")

    for verb in ("confirm", "discard"):
        assert client.post("/upload/staged", {verb: str(staged.pk)}).status_code == 404
    assert StagedAttachment.objects.get().state == StagedAttachment.State.STAGED
