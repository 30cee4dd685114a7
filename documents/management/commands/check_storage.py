"""``check_storage``: ask the configured store what it really does, and say what to do about what fails."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.errors import ConfigurationError, StorageError
from documents.management.arguments import chosen_store, origin
from documents.services.probing import Finding, Outcome, probe_storage, unreachable
from documents.services.s3_policy import origins_of_pages
from documents.wiring import store_itself, vault_config

MARKS = {Outcome.OK: "ok     ", Outcome.FAILED: "FAILED ", Outcome.MISSING: "missing"}
# Of the JSON. It grows when a member changes its meaning or goes, not when one is added.
SCHEMA_VERSION = 1


class Command(BaseCommand):
    """Exit status 0 where nothing failed, 1 where something did, 2 where no such store is configured."""

    help = (
        "Connect to the store for new documents, or to the one named, and try each operation that the vault needs. It "
        "writes, reads and deletes objects of its own below check/. Results on stdout."
    )
    requires_system_checks: list[str] = []  # it says more than they do

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("storage_type", nargs="?", default=None, help="local, s3 …; default: STORAGE_TYPE")
        parser.add_argument("--store", metavar="ALIAS", default=None, help="the same, as an option")
        parser.add_argument("--format", choices=("text", "json"), default="text")
        parser.add_argument("--quick", action="store_true", help="without parts, signed URLs and CORS")
        parser.add_argument(
            "--origin", dest="origins", type=origin, action="append", help="of the vault's pages; may be repeated"
        )

    def handle(
        self,
        *_args: Any,
        storage_type: str | None,
        store: str | None,
        format: str,  # noqa: A002  # the option's name
        quick: bool,
        origins: list[str] | None,
        **_options: Any,
    ) -> None:
        name = chosen_store(store or storage_type or vault_config().storage_type, vault_config().store_names())
        findings = []
        for finding in _probed(name, thorough=not quick, origins=origins or origins_of_pages()):
            findings.append(finding)
            if format == "text":
                self._tell(finding)
        if format == "json":
            report = {"schema_version": SCHEMA_VERSION, "provider": name, "findings": [asdict(f) for f in findings]}
            self.stdout.write(json.dumps(report, indent=2))
        failed = sum(finding.outcome is Outcome.FAILED for finding in findings)
        if failed:
            raise CommandError(f"{failed} of {len(findings)} probes failed.", returncode=1)

    def _tell(self, finding: Finding) -> None:
        self.stdout.write(f"{MARKS[finding.outcome]}  {finding.probe}: {finding.detail}")
        if finding.hint:
            self.stdout.write(f"         {finding.hint}.")
        if finding.outcome is Outcome.FAILED:
            self.stdout.write(f"         Trying again {'may help' if finding.retryable else 'will not help'}.")


def _probed(name: str, *, thorough: bool, origins: list[str]) -> Iterator[Finding]:
    try:
        provider = store_itself(name)
    except ConfigurationError as error:
        raise CommandError(str(error), returncode=2) from error
    except StorageError as error:
        yield unreachable(error)
        return
    yield from probe_storage(provider, thorough=thorough, origins=origins)
