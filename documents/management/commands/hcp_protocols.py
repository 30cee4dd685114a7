"""``hcp_protocols show|set``: by which protocols, and from where, HCP's namespace can be reached."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.errors import ConfigurationError, StorageError
from documents.services.actors import Actor
from documents.services.hcp_protocols import change_protocol
from documents.storage.hcp_documents import (
    ALLOW,
    DENY,
    Change,
    Value,
    changes_between,
    settings_of,
    value_of_text,
    values_of,
)
from documents.storage.hcp_management import HcpManagement
from documents.storage.hcp_settings import PROPERTIES, HcpProtocol, ProtocolSettings
from documents.wiring import hcp_management

USAGE = 2


class Command(BaseCommand):
    help = "Show or change the protocols of HCP's namespace: http (REST, S3, WebDAV), nfs, cifs and smtp."
    requires_system_checks: list[str] = []  # they ask for keys and stores that this does without

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True, metavar="{show,set}")
        names = [protocol.value for protocol in HcpProtocol]
        show = what.add_parser("show", help="show the settings of one protocol, or of all")
        show.add_argument("protocol", nargs="?", choices=names)
        change = what.add_parser("set", help="change settings of one protocol; the others stay as they are")
        change.add_argument("protocol", choices=names)
        change.add_argument("settings", nargs="*", metavar="name=value", help="for example hs3Enabled=true")
        for option, done in (("allow", "let in"), ("deny", "kept out")):
            lists = change.add_mutually_exclusive_group()
            lists.add_argument(
                f"--{option}",
                action="append",
                metavar="ADDRESS",
                help=f"address or range that is {done}; may be repeated, and together they replace the list",
            )
            lists.add_argument(f"--{option}-none", action="store_true", help="empty that list")
        change.add_argument("--dry-run", action="store_true", help="tell what would change, and change nothing")
        for each in (show, change):
            each.add_argument("--format", choices=["text", "json"], default="text")

    def handle(self, *_args: Any, what: str, **options: Any) -> None:
        try:
            management = hcp_management()
        except ConfigurationError as error:
            raise CommandError(str(error), returncode=USAGE) from error
        if what == "show":
            self._show(management, options["protocol"], options["format"])
        else:
            self._set(management, HcpProtocol(options["protocol"]), options)

    def _show(self, management: HcpManagement, only: str | None, form: str) -> None:
        shown: dict[str, dict[str, Value]] = {}
        failed: list[str] = []
        for protocol in [HcpProtocol(only)] if only else list(HcpProtocol):
            try:
                shown[protocol.value] = values_of(management.read(protocol))
            except StorageError as error:
                failed.append(f"{protocol.value}: {error}")
        if form == "json":
            self.stdout.write(json.dumps(shown, indent=2))
        else:
            for name, values in shown.items():
                self.stdout.write("\n".join([name, *(f"  {key:<30}{_text(value)}" for key, value in values.items())]))
        if failed:
            raise CommandError("\n".join(failed), returncode=1)

    def _set(self, management: HcpManagement, protocol: HcpProtocol, options: dict[str, Any]) -> None:
        try:
            change = settings_of(protocol, _asked_for(protocol, options))
        except StorageError as error:
            raise CommandError(str(error), returncode=USAGE) from error
        if not values_of(change):
            raise CommandError("Nothing to change: give name=value, --allow or --deny.", returncode=USAGE)
        try:
            changes = self._carry_out(management, change, dry_run=options["dry_run"])
        except StorageError as error:
            raise CommandError(str(error), returncode=1) from error
        if options["format"] == "json":
            self.stdout.write(json.dumps(_as_json(protocol, changes, dry_run=options["dry_run"]), indent=2))
            return
        for found in changes:
            self.stdout.write(f"{protocol.value} {found.name}: {_before_and_after(found)}")
        if not changes:
            self.stdout.write("Everything is so already; nothing was changed.")
        elif options["dry_run"]:
            self.stdout.write("A dry run: nothing was changed.")

    def _carry_out(self, management: HcpManagement, change: ProtocolSettings, *, dry_run: bool) -> list[Change]:
        if dry_run:
            return changes_between(management.read(change.protocol), change)
        return change_protocol(management, change, actor=Actor(user=None, via="command"))


def _asked_for(protocol: HcpProtocol, options: dict[str, Any]) -> dict[str, Value]:
    """Raises StorageError for what is no setting of the protocol."""
    values: dict[str, Value] = {}
    for item in options["settings"]:
        name, separator, text = item.partition("=")
        if not separator:
            raise StorageError(f"{item!r} is not name=value")
        if name in (ALLOW, DENY):
            raise StorageError(f"{name} is a list", hint="Give its entries with --allow or --deny")
        known = PROPERTIES[protocol].get(name)
        values[name] = _secret(name, text) if known and known.is_secret else value_of_text(protocol, name, text)
    for name, option in ((ALLOW, "allow"), (DENY, "deny")):
        if options[option] or options[f"{option}_none"]:
            values[name] = tuple(options[option] or ())
    return values


def _secret(name: str, text: str) -> str:
    # Arguments can be read by every process of the machine.
    if text != "-":
        raise StorageError(f"The value of {name} is a secret", hint=f"Write {name}=- and give it on standard input")
    return sys.stdin.readline().rstrip("\r\n")


def _as_json(protocol: HcpProtocol, changes: list[Change], *, dry_run: bool) -> dict[str, Any]:
    told = {
        found.name: {"secret": True} if found.is_secret else {"before": found.before, "after": found.after}
        for found in changes
    }
    return {"protocol": protocol.value, "dry_run": dry_run, "changes": told}


def _before_and_after(found: Change) -> str:
    return "a new secret" if found.is_secret else f"{_text(found.before)} -> {_text(found.after)}"


def _text(value: Value) -> str:
    if value is None:
        return "(not told)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return " ".join(value) or "(none)"
    return str(value)
