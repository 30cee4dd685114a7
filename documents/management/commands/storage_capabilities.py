"""``storage_capabilities``: print what each provider can do, as the table of docs/storage.md."""

from typing import Any

from django.core.management.base import BaseCommand

from documents.storage.overview import capability_table


class Command(BaseCommand):
    """The table is Markdown."""

    help = "Print a table of the providers and their capabilities, taken from the code."
    requires_system_checks: list[str] = []  # nothing is asked of keys or store

    def handle(self, *_args: Any, **_options: Any) -> None:
        self.stdout.write(capability_table())
