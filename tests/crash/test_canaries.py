"""No secret in logs, errors, broker, temporary files, objects or database, whatever goes wrong."""

from urllib.parse import urlsplit

import httpx

from documents.failpoints import NAMES
from tests.crash.canaries import Canaries, findings, new_canary, plant
from tests.crash.client import API, attempt
from tests.crash.installation import PASSWORD, SWEEPS, Installation
from tests.crash.processes import Web, web_server


def test_no_secret_is_found_anywhere(installation: Installation) -> None:
    canaries = Canaries(in_database={"file name": new_canary("name"), "title": new_canary("title")})
    canaries.forbidden = {
        "content": new_canary("content"),
        "long attribute": new_canary("attribute"),
        "link password": new_canary("link-password"),
        "wrong password": new_canary("wrong-password"),
        "password": PASSWORD,
        "token": installation.person.token,
        "secret key": installation.environment["SECRET_KEY"],
        "store's secret": installation.environment.get("S3_SECRET_KEY", new_canary("none")),
    }
    installation.processes.run("command", arguments=["collectstatic", "--no-input", "--verbosity=0"])
    for failpoint in ("", *(f"{name}:raise" for name in NAMES if not name.startswith("collect."))):
        with web_server(installation.processes, failpoint=failpoint) as web:
            _use_everything(web, installation, canaries)
            if failpoint in ("", "link.claimed:raise"):
                _use_passwords(web, installation, canaries)
    worker = installation.processes.start("worker", environment={"VAULT_FAILPOINT": "discard.row-marked:raise"})
    installation.processes.run("task", names=SWEEPS * 2, send=True)
    assert worker.wait(3) is None, worker.log.read_text()
    worker.kill()

    assert findings(installation, canaries) == set()
    _assert_the_search_finds(installation, canaries)


def _assert_the_search_finds(installation: Installation, canaries: Canaries) -> None:
    spooled = plant(installation.directory, canaries.forbidden["content"])
    assert findings(installation, canaries) == {f"content in {spooled}"}
    spooled.unlink()
    swapped = Canaries(in_database={}, forbidden=canaries.in_database)
    places = findings(installation, swapped)
    assert {place.partition(" in ")[0] for place in places} == {"file name", "title"}


def _use_everything(web: Web, installation: Installation, canaries: Canaries) -> None:
    """Upload, download, share and delete as a client of the API. Every step may fail, where a failpoint says so."""
    person, content = installation.person, canaries.forbidden["content"].encode() * 5_000
    title = canaries.in_database["title"]
    with person.client(web.url) as client:
        document = _upload(client, canaries, content)
        attempt(client, "POST", API, data={"title": title}, files=_files(canaries, content, count=2))
        attempt(client, "POST", API, content=content[:1000], headers={"Authorization": "Bearer nobody's"})
        attempt(client, "GET", API, params={"title": title, "cursor": "none"})
        if not document:
            return
        attempt(client, "GET", f"{API}/{document}/content", headers={"Range": "bytes=50000-"})
        path = _share(client, document, canaries)
        attempt(client, "GET", path)
        attempt(client, "GET", f"{path}x")
        for times in (500, 400, 100_000):  # sealed, sealed in its place, refused
            attributes = {"long": canaries.forbidden["long attribute"] * times}
            attempt(client, "PATCH", f"{API}/{document}", json={"attributes": attributes})
        attempt(client, "GET", f"{API}/{document}")
        attempt(client, "DELETE", f"{API}/{document}")


def _files(canaries: Canaries, content: bytes, *, count: int) -> list[tuple[str, tuple[str, bytes]]]:
    return [("file", (canaries.in_database["file name"], content))] * count


def _upload(client: httpx.Client, canaries: Canaries, content: bytes) -> str | None:
    """The new document's id, or None where a failpoint was in the way."""
    title, name = canaries.in_database["title"], canaries.in_database["file name"]
    attempt(client, "POST", API, content=content, headers={"X-Filename": name})
    answer = attempt(client, "POST", API, data={"title": title}, files=_files(canaries, content, count=1))
    return str(answer.json()["id"]) if answer and answer.status_code == 201 else None


def _share(client: httpx.Client, document: str, canaries: Canaries, *, password: str = "") -> str:
    """Make a link and return its path."""
    url = client.post(f"{API}/{document}/links", json={"password": password or None}).json()["url"]
    path = str(urlsplit(url).path)
    canaries.forbidden[f"link {len(canaries.forbidden)}"] = path.strip("/").split("/")[-1]
    return path


def _use_passwords(web: Web, installation: Installation, canaries: Canaries) -> None:
    with installation.person.client(web.url) as client:
        if document := _upload(client, canaries, b"with a password"):
            path = _share(client, document, canaries, password=canaries.forbidden["link password"])
            for what in ("wrong password", "link password"):
                attempt(client, "POST", path, data={"password": canaries.forbidden[what]})
    _sign_in(web, canaries)


def _sign_in(web: Web, canaries: Canaries) -> None:
    with httpx.Client(base_url=web.url, headers={"Referer": web.url}, timeout=60) as browser:
        for password in (canaries.forbidden["wrong password"], canaries.forbidden["password"]):
            browser.get("/accounts/login/")
            form = {"login": "alice", "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
            browser.post("/accounts/login/", data=form)
        assert browser.cookies["sessionid"]
        canaries.forbidden[f"session {web.port}"] = browser.cookies["sessionid"]
        headers = {"X-CSRFToken": browser.cookies["csrftoken"]}
        files = _files(canaries, canaries.forbidden["content"].encode(), count=1)
        browser.post("/upload/", files=files, headers=headers)
