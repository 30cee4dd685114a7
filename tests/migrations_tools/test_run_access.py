"""Who may do what with runs in the admin: every route out of the URL resolver, every method, every role.

A route that is not listed is red. What must not be done is not done, whatever the answer.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User
from django.test import Client

from migrations_tools import control
from migrations_tools.models import MigrationRun
from migrations_tools.states import RunState
from tests.migrations_tools.moving import OPERATOR, Stores
from tests.routes import every_route

SIGN_IN, NO_METHOD = "sign in", 405
HERE = "admin/migrations_tools/"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class Expected:
    """The answer to each role; everybody who is not of staff is led to the sign-in."""

    clerk: int
    viewer: int
    operator: int
    superuser: int
    person: int | str = SIGN_IN
    nobody: int | str = SIGN_IN


LOOKING, ACTING = Expected(403, 200, 200, 200), Expected(403, 403, 302, 302)
# Nothing of Django's own ways to add, change or delete is open to anybody.
CLOSED = Expected(403, 403, 403, 403)
RUN = "migrationrun/{run}"
MATRIX: dict[str, Expected] = {
    "GET migrationrun/": LOOKING,
    "POST migrationrun/": LOOKING,  # a list without actions takes it for a GET
    "GET migrationrun/start/": Expected(403, 403, 200, 200),
    "POST migrationrun/start/": Expected(403, 403, 200, 200),
    f"GET {RUN}/change/": LOOKING,
    f"GET {RUN}/progress/": LOOKING,
    f"GET {RUN}/report/{{form}}/": LOOKING,
    f"GET {RUN}/history/": LOOKING,
    f"GET {RUN}/cancel/": Expected(403, 403, 200, 200),
    f"GET {RUN}/remove/": Expected(403, 403, 200, 200),
    f"POST {RUN}/remove/": ACTING,
    f"POST {RUN}/pause/": ACTING,
    f"POST {RUN}/resume/": ACTING,
    f"POST {RUN}/retry/": ACTING,
    f"POST {RUN}/cancel/": ACTING,
    "GET migrationrun/add/": CLOSED,
    "POST migrationrun/add/": CLOSED,
    f"GET {RUN}/delete/": CLOSED,
    f"POST {RUN}/delete/": CLOSED,
    # Django's redirect of its older addresses to …/change/.
    f"GET {RUN}/": Expected(302, 302, 302, 302, 302, 302),
}
# Pages of Django's that know no methods: what they answer to a GET, they answer to anything but a POST.
OF_DJANGO = ("migrationrun/", "migrationrun/add/", f"{RUN}/delete/", f"{RUN}/history/", f"{RUN}/")
ROLES = ("nobody", "person", "clerk", "viewer", "operator", "superuser")


def routes() -> Iterator[str]:
    for route in every_route():
        if route.startswith(HERE):
            plain = route.removeprefix(HERE).replace("<int:pk>", "{run}").replace("<path:object_id>", "{run}")
            yield plain.replace("<str:form>", "{form}")


def test_every_route_is_in_the_matrix() -> None:
    assert set(routes()) == {entry.split(" ", 1)[1] for entry in MATRIX}


@pytest.fixture
def run(stores: Stores) -> MigrationRun:
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    control.begin(run)
    return run


@pytest.fixture
def browsers(alice: User, clerk: User, viewer: User, operator: User, sam: User) -> dict[str, Client]:
    people = {"person": alice, "clerk": clerk, "viewer": viewer, "operator": operator, "superuser": sam}
    found = {"nobody": Client()}
    for name, user in people.items():
        found[name] = Client()
        found[name].force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return found


def path_of(route: str, run: MigrationRun) -> str:
    return f"/{HERE}{route}".replace("{run}", str(run.pk)).replace("{form}", "text")


@pytest.mark.parametrize("entry", MATRIX)
def test_each_role_gets_what_the_matrix_says(entry: str, run: MigrationRun, browsers: dict[str, Client]) -> None:
    method, route = entry.split(" ", 1)
    for role in ROLES:
        expected = getattr(MATRIX[entry], role)
        answer = browsers[role].generic(method, path_of(route, run))
        if expected == SIGN_IN:
            assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/"), role
        else:
            assert answer.status_code == expected, role
        run.refresh_from_db()
        if role not in ("operator", "superuser"):
            assert run.state == RunState.RUNNING, role


def test_a_method_that_is_not_listed_is_refused(run: MigrationRun, browsers: dict[str, Client]) -> None:
    for route in {entry.split(" ", 1)[1] for entry in MATRIX} - set(OF_DJANGO):
        for method in METHODS:
            listed = f"{method} {route}" in MATRIX or (method == "HEAD" and f"GET {route}" in MATRIX)
            if not listed:
                answer = browsers["superuser"].generic(method, path_of(route, run))
                assert answer.status_code == NO_METHOD, f"{method} {route}"
    run.refresh_from_db()
    assert run.state == RunState.RUNNING


def test_a_run_that_does_not_exist_is_refused_like_any_other(run: MigrationRun, browsers: dict[str, Client]) -> None:
    for route in (f"{RUN}/change/", f"{RUN}/progress/", f"{RUN}/pause/"):
        path = f"/{HERE}{route}".replace("{run}", str(run.pk + 1))
        method = "POST" if "pause" in route else "GET"
        assert browsers["clerk"].generic(method, path).status_code == 403
        assert browsers["operator"].generic(method, path).status_code == 404


def test_the_index_shows_runs_to_those_who_may_look(browsers: dict[str, Client], db: None) -> None:
    shown: Callable[[str], bool] = lambda role: b"/migrationrun/" in browsers[role].get("/admin/").content  # noqa: E731
    assert [role for role in ROLES if shown(role)] == ["viewer", "operator", "superuser"]
