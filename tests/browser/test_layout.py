"""How pages are laid out, measured in pixels: what stands in one line, in the middle, or folded."""

from collections.abc import Callable

from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.browser.steps import add_document, edit_attributes

Visit = Callable[..., Page]
TABLET, TABLET_ON_ITS_SIDE = 700, 800


def box(found: Locator) -> FloatRect:
    shown = found.bounding_box()
    assert shown is not None
    return shown


def middle(found: Locator) -> float:
    return box(found)["x"] + box(found)["width"] / 2


def test_the_places_stand_in_one_line_and_the_way_out_above_on_a_tablet(visit: Visit) -> None:
    page = visit("dora")
    page.goto("/links/")
    for width in (TABLET, TABLET_ON_ITS_SIDE):
        page.set_viewport_size({"width": width, "height": 760})
        places = page.locator("nav.top > a:not(.brand)")
        assert len({box(place)["y"] for place in places.all()}) == 1, width
        way_out, brand = page.get_by_role("button", name="Sign out"), page.locator("nav.top .brand")
        assert box(way_out)["y"] < box(places.first)["y"], width
        assert box(brand)["y"] < box(places.first)["y"], width


def test_the_file_chooser_stands_in_the_middle(visit: Visit) -> None:
    page = visit()
    page.goto("/upload/")
    assert abs(middle(page.locator("input[type=file]")) - middle(page.locator(".drop"))) <= 1
    # A file input is wider than what it says, unless its size follows that.
    assert box(page.locator("input[type=file]"))["width"] < 300


def test_an_error_leaves_the_fields_of_its_row_in_one_line(visit: Visit) -> None:
    page = visit()
    page.goto(f"{add_document(page, 'Rows.pdf')}edit")
    page.get_by_label("Value").first.fill("a value without a name")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Give this value a name")).to_be_visible()
    assert box(page.get_by_label("Name").first)["y"] == box(page.get_by_label("Value").first)["y"]


def test_a_long_value_is_folded_and_can_be_read_whole(visit: Visit) -> None:
    page = visit()
    document = add_document(page, "Folded.pdf")
    edit_attributes(page, document, {"A story": "word " * 500 + "and the end", "Short": "kept"})
    story = page.locator("dd.lines").first
    expect(page.get_by_text("and the end")).to_be_hidden()
    folded = box(story)["height"]
    page.get_by_text("Show all").click()
    expect(page.get_by_text("and the end")).to_be_visible()
    assert folded < box(story)["height"] / 4
    page.get_by_text("Show less").click()
    expect(page.get_by_text("and the end")).to_be_hidden()


def test_the_examples_of_the_api_are_not_cut_off_on_a_phone(visit: Visit) -> None:
    page = visit(None, viewport={"width": 360, "height": 760})
    page.goto("/api/v1/docs")
    example = page.locator("pre").first
    assert example.evaluate("pre => pre.scrollWidth - pre.clientWidth") == 0
    expect(example).to_contain_text("-F file=@report.pdf")
