"""The key ring and a verification in the admin: begun, watched to its end without a reload, paused and gone on with."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.accessibility import COLOURS_ALONE, assert_accessible
from tests.browser.site import STORAGE, site_environment
from tests.browser.steps import add_document

Visit = Callable[..., Page]
RUNS = "/admin/documents/upkeeprun/"
# Milliseconds for what is seen at the next look, on a busy machine.
PATIENCE = 20_000
WORK = "import django; django.setup(); from documents.upkeep.worker import work_on; work_on({run})"


def work_on(run: str, directory: Path) -> None:
    """What a worker of the site does, in a process of its own."""
    environment = {**os.environ, **site_environment(directory)}
    subprocess.run([sys.executable, "-c", WORK.format(run=run)], env=environment, check=True, timeout=120)


def expect_state(page: Page, state: str) -> None:
    expect(page.get_by_role("status")).to_contain_text(state, timeout=PATIENCE)


def test_a_verification_is_watched_to_its_findings(visit: Visit, site_directory: Path) -> None:
    page = visit("dora", reduced_motion="reduce")
    add_document(page, "For the verifier.pdf")
    objects = (site_directory / STORAGE / "documents").rglob("*.vlt")
    newest = max(objects, key=lambda path: path.stat().st_mtime)
    newest.unlink()

    page.goto(RUNS)
    assert_accessible(page, COLOURS_ALONE)
    page.get_by_role("button", name="Verify everything").click()
    expect_state(page, "Running")
    run = page.url.split("/")[-3]
    page.get_by_role("button", name="Pause").click()
    expect_state(page, "Paused")
    page.get_by_role("button", name="Resume").click()
    expect_state(page, "Running")
    work_on(run, site_directory)

    expect_state(page, "Over, with findings")
    expect(page.get_by_role("cell", name="missing: The store has no such object.").first).to_be_visible()
    expect(page.locator(".failed-items")).to_contain_text(newest.stem)
    assert_accessible(page, COLOURS_ALONE)


def test_the_key_ring_tells_what_is_wrapped_for_whom(visit: Visit) -> None:
    page = visit("dora", reduced_motion="reduce")
    add_document(page, "Wrapped.pdf")
    page.goto("/admin/documents/kekrecord/")
    expect(page.locator(".figures")).to_contain_text("Wrapped by rsa-oaep")
    expect(page.locator("#result_list")).to_contain_text("primary")
    assert_accessible(page, COLOURS_ALONE)
    page.locator("#result_list tbody th a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("KEK")
