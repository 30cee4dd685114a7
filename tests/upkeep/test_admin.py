"""Rotation and verification in the admin: who may look, who may operate, and what the pages tell."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from documents.models import AuditEvent, UpkeepFinding, UpkeepRun
from documents.models.upkeep import UpkeepState
from documents.services.kek_standing import list_keks
from documents.storage.base import StorageProvider
from documents.upkeep.verify import begin_verifying
from documents.upkeep.worker import work_on
from tests.conftest import Store
from tests.routes import every_route
from tests.upkeep.conftest import OPERATOR
from tests.upkeep.rotating import attachment_of

HERE = "admin/documents/upkeeprun/"
ROLES = ("nobody", "person", "clerk", "viewer", "operator")
SIGN_IN = 302  # who is not of staff is led to the sign-in
# What a staff member without a permission, one who may look and one who may operate are answered.
LOOKING, ACTING, CLOSED = (403, 200, 200), (403, 403, 302), (403, 403, 403)
MATRIX = {
    "GET ": LOOKING,
    "POST verify/": ACTING,
    "GET {run}/change/": LOOKING,
    "GET {run}/progress/": LOOKING,
    "GET {run}/report/json/": LOOKING,
    "GET {run}/history/": LOOKING,
    "POST {run}/pause/": ACTING,
    "POST {run}/resume/": ACTING,
    "POST {run}/cancel/": ACTING,
    "GET add/": CLOSED,
    "POST {run}/delete/": CLOSED,
    "GET {run}/": (302, 302, 302),
}
BY_POST_ALONE = ("verify/", "{run}/pause/", "{run}/resume/", "{run}/cancel/")


@pytest.fixture
def run(store: Store, transactional_db: None) -> UpkeepRun:
    store()
    return begin_verifying(OPERATOR)


@pytest.fixture
def browsers(alice: User, client_of: Callable[[User | None], Client]) -> dict[str, Client]:
    found = {"nobody": Client(), "person": Client()}
    found["person"].force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    for role, permissions in {"clerk": [], "viewer": ["view_upkeeprun"], "operator": ["operate_upkeeprun"]}.items():
        user = User.objects.create_user(role, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        found[role] = Client()
        found[role].force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return found


def test_every_route_is_in_the_matrix() -> None:
    plain = {
        route.removeprefix(HERE).replace("<int:pk>", "{run}").replace("<path:object_id>", "{run}")
        for route in every_route()
        if route.startswith(HERE)
    }
    assert {route.replace("<str:form>", "json") for route in plain} == {entry.split(" ", 1)[1] for entry in MATRIX}


@pytest.mark.parametrize("entry", MATRIX)
def test_each_role_gets_what_the_matrix_says(entry: str, run: UpkeepRun, browsers: dict[str, Client]) -> None:
    method, route = entry.split(" ", 1)
    expected = dict(zip(ROLES, (SIGN_IN, SIGN_IN, *MATRIX[entry]), strict=True))
    for role in ROLES:
        answer = browsers[role].generic(method, f"/{HERE}{route}".replace("{run}", str(run.pk)))
        assert answer.status_code == expected[role], role
        run.refresh_from_db()
        if role != "operator":
            assert (run.state, UpkeepRun.objects.count()) == (UpkeepState.RUNNING, 1), role


@pytest.mark.parametrize("route", BY_POST_ALONE)
def test_nothing_is_done_by_a_get(route: str, run: UpkeepRun, browsers: dict[str, Client]) -> None:
    assert browsers["operator"].get(f"/{HERE}{route}".replace("{run}", str(run.pk))).status_code == 405


def test_an_operator_pauses_and_goes_on(run: UpkeepRun, browsers: dict[str, Client]) -> None:
    answer = browsers["operator"].post(f"/{HERE}{run.pk}/pause/", follow=True)
    assert b"stands still" in answer.content
    run.refresh_from_db()
    assert run.state == UpkeepState.PAUSED
    browsers["operator"].post(f"/{HERE}{run.pk}/resume/")
    run.refresh_from_db()
    assert run.state in (UpkeepState.RUNNING, UpkeepState.SUCCEEDED)
    assert set(AuditEvent.objects.filter(via="admin").values_list("action", flat=True)) >= {
        "verification.paused",
        "verification.resumed",
    }


def test_the_page_of_a_run_names_its_findings(
    store: Store, run: UpkeepRun, provider: StorageProvider, browsers: dict[str, Client]
) -> None:
    row = attachment_of(store(b"another"))
    provider.delete(row.storage_path)
    work_on(run.pk)
    assert UpkeepFinding.objects.count() == 1
    page = browsers["viewer"].get(f"/{HERE}{run.pk}/change/").content.decode()
    assert str(row.pk) in page
    assert "missing: The store has no such object." in page
    assert "hx-get" not in page


def test_the_key_ring_tells_how_much_each_kek_has(store: Store, sam: User, client_of: Callable[..., Client]) -> None:
    store()
    page = client_of(sam).get("/admin/documents/kekrecord/").content.decode()
    for standing in list_keks():
        assert str(standing.record) in page
    assert "Wrapped by rsa-oaep" in page
    assert "1 (100.0 %)" in page
