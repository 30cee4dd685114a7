"""A storage migration in the admin: planned, started, and watched to its end without a reload."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from playwright.sync_api import Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.site import SECOND_STORE, STORAGE, site_environment

Visit = Callable[..., Page]
START = "/admin/migrations_tools/migrationrun/start/"
# So many that a percent is one of them.
DOCUMENTS = 100
# Milliseconds for what is seen at the next look, on a busy machine.
PATIENCE = 20_000


class Worker:
    """A process that works on runs of the site when it is told to."""

    def __init__(self, told: IO[str], answers: IO[str]) -> None:
        self._told, self._answers = told, answers

    def ask(self, line: str) -> str:
        self._told.write(f"{line}\n")
        self._told.flush()
        return self._answers.readline().strip()

    def work_on(self, run: str, *, seconds: float = 60) -> int:
        """Returns how many items are over."""
        return int(self.ask(f"{run} {seconds}"))


@contextmanager
def worker(directory: Path, *, owner: str, documents: int) -> Iterator[Worker]:
    """Ready, with so many documents of a new person's, as long as the block."""
    command = [sys.executable, "-m", "tests.browser.moving"]
    environment = {**os.environ, **site_environment(directory)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin
        assert process.stdout
        found = Worker(process.stdin, process.stdout)
        assert found.ask(f"{owner} {documents}") == "ready"
        yield found
        process.stdin.close()
    assert process.returncode == 0


def plan(page: Page, owner: str) -> None:
    page.goto(START)
    page.get_by_label("Destination").select_option(SECOND_STORE)
    page.get_by_label("Owner").fill(owner)
    page.get_by_role("button", name="Show the plan").click()


def start(page: Page) -> str:
    """Press the button of the plan; returns the number of the run."""
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Queued")
    return page.url.split("/")[-3]


def expect_state(page: Page, state: str) -> None:
    expect(page.get_by_role("status")).to_have_text(state, timeout=PATIENCE)


def test_a_run_is_watched_to_its_end_without_a_reload(visit: Visit, site_directory: Path) -> None:
    page = visit("dora")
    with worker(site_directory, owner="gwen", documents=DOCUMENTS) as gang:
        plan(page, "gwen")
        expect(page.get_by_role("row", name=f"local {DOCUMENTS}")).to_be_visible()
        run = start(page)
        page.evaluate("window.isTheSame = true")
        page.get_by_role("link", name="Cancel").focus()

        while not (over := gang.work_on(run, seconds=0.1)):
            pass

        assert over < DOCUMENTS
        expect_state(page, "Running")
        bar = page.get_by_role("progressbar")
        expect(bar).to_have_attribute("value", str(over), timeout=PATIENCE)
        expect(page.get_by_role("link", name="Cancel")).to_be_focused()
        assert gang.work_on(run) == DOCUMENTS
        expect_state(page, "Succeeded")
        expect(bar).to_have_attribute("value", "100")
        assert page.evaluate("window.isTheSame")
        expect(page.locator("[hx-get]")).to_have_count(0)


def test_every_page_of_a_run_is_accessible(visit: Visit, site_directory: Path) -> None:
    # Style sheets of Django's import others, and axe puts those into the page, which the policy forbids. That the pages
    # themselves keep to it the other tests show.
    page = visit("dora", reduced_motion="reduce", complaints_expected=True)
    before = _objects(site_directory)
    with worker(site_directory, owner="hugo", documents=2) as gang:
        page.goto(START)
        assert_accessible(page)
        page.get_by_label("Workers").fill("0")
        page.get_by_role("button", name="Show the plan").click()
        expect(page.get_by_text("greater than or equal to 1")).to_be_visible()
        assert_accessible(page)
        plan(page, "hugo")
        assert_accessible(page)
        run = start(page)
        assert_accessible(page)
        page.get_by_role("link", name="Cancel").click()
        assert_accessible(page)
        page.get_by_role("link", name="Go back").click()
        (_objects(site_directory) - before).pop().unlink()
        assert gang.work_on(run) == 2
        expect_state(page, "Failed")
        expect(page.get_by_role("button", name="Try failed items again")).to_be_visible()
        assert_accessible(page)
        page.get_by_role("link", name="Remove").click()
        expect(page.get_by_text("It can be removed from")).to_be_visible()
        assert_accessible(page)
        page.get_by_role("link", name="Storage migrations").first.click()
        expect(page.get_by_role("row", name=f"{run} copy {SECOND_STORE} failed 2 of 2 1 1 0 dora")).to_be_visible()
        assert_accessible(page)


def test_who_is_signed_out_is_told_so_and_sees_what_was_shown(visit: Visit, site_directory: Path) -> None:
    page = visit("dora")
    with worker(site_directory, owner="ines", documents=1) as gang:
        plan(page, "ines")
        run = start(page)
        cookies = page.context.cookies()
        page.context.clear_cookies()
        expect(page.locator("#messages")).to_contain_text("sign in again", timeout=PATIENCE)
        expect(page.get_by_role("status")).to_have_text("Queued")
        page.context.add_cookies([{**cookie} for cookie in cookies])  # type: ignore[typeddict-item]
        assert gang.work_on(run) == 1
        expect_state(page, "Succeeded")


def test_without_javascript_a_link_shows_how_far_a_run_is(visit: Visit, site_directory: Path) -> None:
    page = visit("dora", java_script_enabled=False)
    with worker(site_directory, owner="jane", documents=1) as gang:
        plan(page, "jane")
        run = start(page)
        assert gang.work_on(run) == 1
        page.get_by_role("link", name="Reload").click()
        expect_state(page, "Succeeded")
        expect(page.get_by_role("link", name="Reload")).to_have_count(0)
        expect(page.get_by_role("link", name="Cancel")).to_have_count(0)


def test_a_run_is_cancelled_after_a_question(visit: Visit, site_directory: Path) -> None:
    page = visit("dora", java_script_enabled=False)
    with worker(site_directory, owner="kurt", documents=1):
        plan(page, "kurt")
        run = start(page)
        page.get_by_role("link", name="Cancel").click()
        page.get_by_role("button", name=f"Cancel run {run}").click()
        expect_state(page, "Cancelled")
        page.goto("/admin/migrations_tools/migrationrun/")
        expect(page.get_by_role("row", name=f"{run} copy {SECOND_STORE} cancelled")).to_be_visible()


def _objects(directory: Path) -> set[Path]:
    return {path for path in (directory / STORAGE).rglob("*.vlt") if path.is_file()}
