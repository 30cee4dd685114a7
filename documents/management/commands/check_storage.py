"""``check_storage``: ask the configured store what it really does, and say what to do about what fails."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.errors import ConfigurationError
from documents.services.probing import Finding, Outcome, probe_storage
from documents.wiring import storage_provider

MARKS = {Outcome.OK: "ok     ", Outcome.FAILED: "FAILED ", Outcome.MISSING: "missing"}


class Command(BaseCommand):
    """Exit status 0 where nothing failed, 1 where something did, 2 where no such store is configured."""

    help = (
        "Connect to the store for new documents, or to the one named, and try each operation that the vault needs. It "
        "writes, reads and deletes objects of its own below check/. Results on stdout."
    )
    requires_system_checks: list[str] = []  # it says more than they do

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("storage_type", nargs="?", default=None, help="local, s3 …; default: STORAGE_TYPE")
        parser.add_argument("--format", choices=("text", "json"), default="text")
        parser.add_argument("--quick", action="store_true", help="without parts and signed URLs")

    def handle(self, *_args: Any, storage_type: str | None, format: str, quick: bool, **_options: Any) -> None:  # noqa: A002  # the option's name
        try:
            provider = storage_provider(storage_type)
        except ConfigurationError as error:
            raise CommandError(str(error), returncode=2) from error
        findings = []
        for finding in probe_storage(provider, thorough=not quick):
            findings.append(finding)
            if format == "text":
                self._tell(finding)
        if format == "json":
            self.stdout.write(
                json.dumps({"provider": provider.name, "findings": [asdict(f) for f in findings]}, indent=2)
            )
        failed = sum(finding.outcome is Outcome.FAILED for finding in findings)
        if failed:
            raise CommandError(f"{failed} of {len(findings)} probes failed.", returncode=1)

    def _tell(self, finding: Finding) -> None:
        self.stdout.write(f"{MARKS[finding.outcome]}  {finding.probe}: {finding.detail}")
        if finding.hint:
            self.stdout.write(f"         {finding.hint}.")
