"""How the admin says what its models keep as bare numbers, and as times that may be empty."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString

from documents.models.sealed import SealedObject


class SizesInWords:
    """A mix-in: ``size_in_words`` and ``stored_size`` are columns and fields: "1.2 MB", with the bytes in the title."""

    @admin.display(description="Size")
    def size_in_words(self, row: SealedObject) -> SafeString:
        """The plaintext's."""
        return _in_words(row.size)

    @admin.display(description="Stored size")
    def stored_size(self, row: SealedObject) -> SafeString:
        """The object's."""
        return _in_words(row.sealed_size)


class YesOrNo(admin.EmptyFieldListFilter):
    """A filter on a time that is empty until something happened: whether it did."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for choice, words in zip(super().choices(changelist), ("All", "No", "Yes"), strict=True):
            yield {**choice, "display": words}


def _in_words(count: int) -> SafeString:
    return format_html('<span title="{} bytes">{}</span>', f"{count:,}", filesizeformat(count))
