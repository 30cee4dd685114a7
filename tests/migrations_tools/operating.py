"""Who meets the admin's pages of migration, and what their browsers send."""

import re
from html import unescape

from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.conftest import PASSWORD

RUNS = "/admin/migrations_tools/migrationrun/"


def staff(name: str, *permissions: str) -> User:
    """A person of staff with these permissions of migration and no others."""
    user = User.objects.create_user(name, f"{name}@example.org", PASSWORD, is_staff=True)
    found = Permission.objects.filter(content_type__app_label="migrations_tools", codename__in=permissions)
    assert len(found) == len(permissions)
    user.user_permissions.set(found)
    return user


def press(browser: Client, path: str, page: str = RUNS, **data: object) -> str:
    """Send a form with the token of ``page``; returns the text of the page that it leads to."""
    browser.get(page)
    token = browser.cookies["csrftoken"].value if "csrftoken" in browser.cookies else ""
    answer = browser.post(path, data, headers={"X-CSRFToken": token}, follow=True)
    assert answer.status_code == 200, (path, answer.status_code)
    return text_of(answer.content)


def text_of(content: bytes) -> str:
    """What a person reads of a page."""
    without_tags = re.sub(r"<(script|style|noscript)\b.*?</\1>|<[^>]*>", " ", content.decode(), flags=re.DOTALL)
    return " ".join(unescape(without_tags).split())
