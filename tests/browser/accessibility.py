"""What a page must be in every look: accessible by axe's rules, and nothing wider than the screen.

A page is loaded once; theme and width change under it, and axe is put into it once.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]  # it has no type hints
from playwright.sync_api import Page


class Look(NamedTuple):
    """A theme and a width in CSS pixels."""

    scheme: Literal["light", "dark"]
    width: int


# Axe costs the most: once in each theme, and so once in each layout.
LOOKS = (Look("light", 1180), Look("dark", 320))
# Where nothing may stick out: a window, a tablet upright, and the narrowest phone (WCAG 1.4.10).
WIDTHS = (1180, 700, 320)
# The vault's colours are its own; the markup of the admin is Django's.
COLOURS_ALONE = ("color-contrast", "link-in-text-block")

_VIOLATIONS = """async (rules) => {
  // Django's admin fades from one colour to the next whatever the person prefers.
  document.getAnimations().forEach((animation) => animation.finish());
  const options = {resultTypes: ["violations"], ...(rules ? {runOnly: rules} : {})};
  const {violations} = await axe.run(options);
  return violations.flatMap(({id, nodes}) => nodes.map(({html}) => [id, html]));
}"""
# Without an answer by the element that sticks out one would have to look for it.
_TOO_WIDE = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  const out = [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > room + 1);
  return [`${document.documentElement.scrollWidth} of ${room}`, ...out.slice(0, 3).map((one) => one.outerHTML)];
}"""


def violations(page: Page, rules: Sequence[str] | None = None) -> list[list[str]]:
    """What axe finds: the rule's id and the element's HTML. ``rules`` are the ids to keep to, None for all of them."""
    page.evaluate(AXE_SCRIPT)
    return _violations(page, rules)


def _violations(page: Page, rules: Sequence[str] | None) -> list[list[str]]:
    found: list[list[str]] = page.evaluate(_VIOLATIONS, rules)
    return found


def assert_accessible(page: Page, rules: Sequence[str] | None = None) -> None:
    """Raises AssertionError with what is wrong, where, in which look."""
    page.evaluate(AXE_SCRIPT)
    schemes = {look.width: look.scheme for look in LOOKS}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 760})
        assert (page.url, width, page.evaluate(_TOO_WIDE)) == (page.url, width, [])
        if scheme := schemes.get(width):
            page.emulate_media(color_scheme=scheme)
            assert (page.url, scheme, width, _violations(page, rules)) == (page.url, scheme, width, [])
