"""A server for the session, a Chromium, and pages that remember what went wrong in them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.prepare import PASSWORD
from tests.browser.site import vault_site
from tests.browser.visit import Visit
from tests.services.chromium import ARGUMENTS, find_chromium
from tests.services.processes import state_directory

StorageState = Any


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests on one worker of pytest-xdist: one server and one Chromium are enough."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def site_directory() -> Iterator[Path]:
    """Where the running vault keeps everything."""
    with state_directory("browser") as directory:
        yield directory


@pytest.fixture(scope="session")
def site(site_directory: Path) -> Iterator[str]:
    """The base URL of a running vault."""
    with vault_site(site_directory) as url:
        yield url


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium, stopped when the run leaves this package.

    Playwright's event loop runs in this thread as long as it lives, and Django refuses its database beside one.
    """
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def sessions(site: str, browser: Browser) -> Callable[[str], StorageState]:
    """Sign a person in through the form, once; what it returns is their cookies for any number of visits."""
    known: dict[str, StorageState] = {}

    def session_of(name: str) -> StorageState:
        if name not in known:
            context = browser.new_context(base_url=site)
            sign_in(context.new_page(), name)
            known[name] = context.storage_state()
            context.close()
        return known[name]

    return session_of


@pytest.fixture
def visit(site: str, browser: Browser, sessions: Callable[[str], StorageState]) -> Iterator[Callable[..., Page]]:
    """Open a page as somebody; ``None`` is not signed in.

    The test fails where a page broke its policy, logged an error or raised one.
    """
    visits: list[Visit] = []

    def open_page(who: str | None = "alice", *, complaints_expected: bool = False, **options: Any) -> Page:
        state = sessions(who) if who else None
        context = browser.new_context(base_url=site, storage_state=state, **options)
        visits.append(Visit(context, complaints_expected=complaints_expected))
        return visits[-1].page

    yield open_page
    assert [complaint for each in visits for complaint in each.close()] == []


def sign_in(page: Page, name: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="Documents").wait_for()
