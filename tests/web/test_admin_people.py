"""Staff never come to somebody else's documents by way of the account."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from documents.models import AuditEvent
from tests.conftest import PASSWORD

NEW_PASSWORD = "a new and long password"
Browse = Callable[[User | None], Client]


@pytest.fixture
def clerk(db: None) -> User:
    """Staff with every permission that can be given, and no superuser."""
    clerk = User.objects.create_user("clerk", "clerk@example.org", PASSWORD, is_staff=True)
    clerk.user_permissions.set(Permission.objects.all())
    return clerk


def post(browser: Client, page: str, **data: object) -> int:
    browser.get(page)
    token = browser.cookies["csrftoken"].value if "csrftoken" in browser.cookies else ""
    return int(browser.post(page, data, headers={"X-CSRFToken": token}).status_code)


@pytest.fixture
def attempts(alice: User) -> list[tuple[str, dict[str, object]]]:
    passwords: dict[str, object] = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    group = Group.objects.create(name="readers")
    return [
        (f"/admin/auth/user/{alice.pk}/password/", passwords),
        (f"/admin/auth/user/{alice.pk}/change/", {"username": "alice", "email": "clerk@example.org"}),
        (f"/admin/auth/user/{alice.pk}/delete/", {"post": "yes"}),
        ("/admin/auth/user/add/", {"username": "second", **passwords}),
        (f"/admin/auth/group/{group.pk}/change/", {"name": "readers"}),
        ("/admin/account/emailaddress/add/", {"user": alice.pk, "email": "clerk@example.org", "verified": "on"}),
    ]


def test_staff_change_nobodys_account_whatever_permission_they_have(
    clerk: User, alice: User, client_of: Browse, attempts: list[tuple[str, dict[str, object]]]
) -> None:
    browser = client_of(clerk)

    assert {page: post(browser, page, **data) for page, data in attempts} == {page: 403 for page, _ in attempts}

    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    assert alice.email == "alice@example.org"
    assert browser.get(f"/admin/auth/user/{alice.pk}/change/").status_code == 200, "looking is what they may"


def test_a_superuser_sets_a_password_and_the_audit_log_says_so(
    sam: User, alice: User, client_of: Browse, attempts: list[tuple[str, dict[str, object]]]
) -> None:
    page, data = attempts[0]

    assert post(client_of(sam), page, **data) == 302

    alice.refresh_from_db()
    assert alice.check_password(NEW_PASSWORD)
    event = AuditEvent.objects.get(action="account.changed")
    assert (event.actor, event.via) == (sam, "admin")
    assert event.detail == {"subject": alice.pk, "name": "alice", "fields": "password"}
