"""Attributes as people see and type them: a name, and a text.

What a program set through the API may be a number, a list or an object; it is shown as JSON. A row that comes back as
it was shown keeps the value that it had, so that nobody who corrects one text turns another's number into a text.
"""

import json
from collections.abc import Iterable, Mapping

from django import forms

from documents.services.attributes import LONGEST_NAME, MOST_ATTRIBUTES
from documents.services.names import LONGEST_NAME as LONGEST_TITLE
from documents.services.payload_values import JSON

EMPTY_ROWS = 3


def text_of(value: JSON) -> str:
    """Return a text as it is, and anything else as JSON."""
    if isinstance(value, str) and "\0" not in value:  # no page can show one
        return _with_plain_line_ends(value)
    return json.dumps(value, ensure_ascii=False, default=lambda data: data.decode(errors="replace"))


def _with_plain_line_ends(text: str) -> str:
    # A browser sends CR LF for every line end of a textarea (WHATWG HTML, "Constructing the entry list").
    return text.replace("\r\n", "\n").replace("\r", "\n")


class TitleForm(forms.Form):
    """The title of a document."""

    title = forms.CharField(
        label="Title",
        required=False,
        max_length=LONGEST_TITLE,
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
        help_text="Without one, the document is named after its file.",
    )


class AttributeForm(forms.Form):
    """One attribute. A row without a name and a value is none."""

    name = forms.CharField(
        label="Name",
        required=False,
        max_length=LONGEST_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )
    value = forms.CharField(
        label="Value", required=False, strip=False, widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"})
    )
    remove = forms.BooleanField(label="Remove", required=False)

    def clean(self) -> None:
        typed = self.cleaned_data
        if typed.get("value", "").strip() and not typed.get("name", "?") and not typed.get("remove"):
            self.add_error("name", "Give this value a name, or clear it.")


AttributeRows = forms.formset_factory(
    AttributeForm,
    extra=EMPTY_ROWS,
    max_num=MOST_ATTRIBUTES + EMPTY_ROWS,
    absolute_max=MOST_ATTRIBUTES + EMPTY_ROWS,
)


def rows_for(current: Mapping[str, JSON]) -> list[dict[str, str]]:
    """Return what the rows of a form begin with."""
    return [{"name": name, "value": text_of(value)} for name, value in current.items()]


def typed_rows(rows: Iterable[forms.Form]) -> list[dict[str, str]]:
    """Return what stands in the rows of a form that came back, checked or not; empty and removed ones are left out."""
    typed = [{name: row[name].value() or "" for name in ("name", "value")} for row in rows if not row["remove"].value()]
    return [row for row in typed if row["name"] or row["value"]]


def attributes_from(rows: Iterable[forms.Form], current: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the attributes that checked rows say. A name that stands in two of them is marked as an error there."""
    wanted: dict[str, JSON] = {}
    for row in rows:
        name, text = row.cleaned_data.get("name", ""), _with_plain_line_ends(row.cleaned_data.get("value", ""))
        if not name or row.cleaned_data.get("remove"):
            continue
        if name in wanted:
            row.add_error("name", "Another attribute has this name.")
        wanted[name] = current[name] if name in current and text_of(current[name]) == text else text
    return wanted
