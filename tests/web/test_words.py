"""What pages say of long texts, and that hints are sentences."""

import pytest

from documents.templatetags.vault import beginning, is_long
from documents.web.attribute_forms import TitleForm
from documents.web.forms import LinkForm


@pytest.mark.parametrize(
    ("text", "folded"),
    [("short", False), ("x" * 240, False), ("x" * 241, True), ("line\n" * 7, False), ("line\n" * 8, True)],
)
def test_a_text_of_many_characters_or_lines_is_folded(text: str, folded: bool) -> None:
    assert is_long(text) is folded


def test_the_beginning_of_a_text_is_one_short_line() -> None:
    start = beginning("first line\n\n  second line " + "word " * 100)

    assert start.startswith("first line second line word")
    assert len(start) == 160
    assert start.endswith("…")


@pytest.mark.parametrize("form", [TitleForm, LinkForm])
def test_hints_are_sentences(form: type[TitleForm] | type[LinkForm]) -> None:
    hints = [str(field.help_text) for field in form().fields.values() if field.help_text]

    assert hints
    assert [hint for hint in hints if not (hint[0].isupper() and hint.endswith("."))] == []
