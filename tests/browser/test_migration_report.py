"""The page of a run's report, opened as a file: accessible in both themes and on a phone, and it asks for nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from uuid import uuid4

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no type hints
from playwright.sync_api import Browser, ViewportSize

from migrations_tools.reports.contents import Cause, Options, Report, Source
from migrations_tools.reports.items import ReportedItem
from migrations_tools.reports.measures import CLASSES, Bucket, SizeClass, Throughput
from migrations_tools.reports.page import rendered
from migrations_tools.states import ItemState
from tests.browser.accessibility import LOOKS

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECOND = timedelta(seconds=1)
REPORT = Report(
    run_id=7,
    kind="copy",
    state="failed",
    destination="s3",
    sources=(Source("local", 90, 2**30),),
    options=Options(None, None, None, 100, 2, 8, 50_000_000),
    created_by=1,
    created_at=BEGIN,
    started_at=BEGIN,
    finished_at=BEGIN + 60 * SECOND,
    made_at=BEGIN + 61 * SECOND,
    note="The store takes nothing more. " + "x" * 300,
    total=100,
    successful=80,
    failed=3,
    skipped=12,
    pending=5,
    already_there=10,
    still_elsewhere=8,
    total_bytes=2**30,
    successful_bytes=2**29,
    duration=60 * SECOND,
    causes=(Cause(ItemState.FAILED, "source-damaged", 3), Cause(ItemState.SKIPPED, "already-there", 12)),
    throughput=Throughput(SECOND, tuple(Bucket(BEGIN + n * SECOND, n % 7, n % 5 * 2**20) for n in range(60))),
    sizes=tuple(SizeClass(below, 10, 2**20) for below in (*CLASSES, None)),
)
ERROR = ReportedItem(
    object_id=uuid4(),
    state="failed",
    code="source-damaged",
    detail="<script>document.title = 'mine'</script><img src='https://evil.example/x'>",
    source="local",
    source_key="documents/user_1/2026/01/02/" + "k" * 200,
    destination="s3",
    destination_key="documents/user_1/2026/01/02/" + "k" * 200,
    size=10,
    digest="0" * 64,
    attempts=1,
    finished_at=BEGIN,
)


def test_the_page_of_a_report(browser: Browser, tmp_path: Path) -> None:
    good = replace(REPORT, state="succeeded", note="", failed=0, pending=0, causes=())
    for report, errors in ((REPORT, [ERROR] * 3), (good, [])):
        file = tmp_path / f"{report.state}.html"
        file.write_text(rendered(report, errors))
        for scheme, width in LOOKS:
            _look(browser, file.as_uri(), scheme, width)


def _look(browser: Browser, address: str, scheme: Literal["light", "dark"], width: int) -> None:
    viewport: ViewportSize = {"width": width, "height": 800}
    context = browser.new_context(color_scheme=scheme, viewport=viewport, bypass_csp=True)
    page, asked = context.new_page(), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)

    found = Axe().run(page)

    assert found.violations_count == 0, f"{scheme}, {width}: {found.generate_report()}"
    assert page.title() == "Report of migration run 7"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert asked == [address]
    context.close()
