"""``list_keks``: every KEK, what the ring uses it for, and how much is wrapped for it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.errors import ConfigurationError, KeyRingError
from documents.key_rings import key_ring
from documents.management.database import database_told
from documents.models import KekRecord
from documents.services.kek_standing import WRAP_NAMES, KekStanding, list_keks, wrap_types
from documents.services.sealing_keks import is_outdated
from documents.wording import moment_in_words


class Command(BaseCommand):
    """Exit status 0, or 1 where the key ring cannot be read."""

    help = "List the KEKs of the ring and every other that something is wrapped for. No key is shown."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=("text", "json"), default="text")

    @database_told()
    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            keks, types = list_keks(), wrap_types()
        except (ConfigurationError, KeyRingError) as error:
            raise CommandError(str(error), returncode=1) from error
        if options["format"] == "json":
            shares = {WRAP_NAMES.get(kind, str(kind)): count for kind, count in sorted(types.items())}
            self.stdout.write(json.dumps({"keks": [_facts(kek) for kek in keks], "wraps": shares}, indent=2))
            return
        if is_outdated(key_ring()):
            self.stderr.write(
                "The key files of this process are older than the vault's: others seal now. See docs/keys.md."
            )
        for kek in keks:
            self.stdout.write(_line(kek))
        total = sum(types.values())
        for kind, count in sorted(types.items()):
            self.stdout.write(f"{WRAP_NAMES.get(kind, kind)}: {count:,} of {total:,} attachments ({count / total:.1%})")


def _facts(kek: KekStanding) -> dict[str, object]:
    record = kek.record
    times = {
        name: moment and moment.isoformat()
        for name, moment in (
            ("first_seen_at", record.created_at),
            ("primary_since", record.made_primary_at),
            ("recovery_since", record.made_recovery_at),
            ("replaced_at", record.replaced_at),
            ("retired_at", record.retired_at),
            ("may_be_destroyed_at", record.destruction_due_at),
            ("destruction_begun_at", record.destruction_begun_at),
            ("destroyed_at", record.destroyed_at),
        )
    }
    counts = {"attachments": kek.attachments, "payloads": kek.payloads, "staged": kek.staged}
    wrap = WRAP_NAMES.get(record.wrap_type, str(record.wrap_type))
    return (
        {"kek_id": record.kek_id, "role": kek.role, "wrap": wrap, "bits": record.bits}
        | {"opens": kek.opens, "too_weak": kek.is_too_weak}
        | counts
        | times
    )


def _line(kek: KekStanding) -> str:
    record = kek.record
    waits = kek.role == "older" and record.made_primary_at is None and not kek.under_it
    state = "waits to become primary" if waits and kek.opens else kek.role
    if waits and record.purpose == KekRecord.Purpose.RECOVERY:
        state = "waits to become a recovery KEK"
    if record.destroyed_at:
        state = "destroyed"
    elif record.destruction_begun_at:
        state = "being destroyed: finish it with destroy_kek --confirm"
    elif record.destruction_due_at:
        state = f"retired, may be destroyed from {moment_in_words(record.destruction_due_at)}"
    elif record.retired_at:
        state = "retired"
    wrap = WRAP_NAMES.get(record.wrap_type, str(record.wrap_type))
    return (
        f"{record.kek_id}\n  {state}; {wrap}, {record.bits} bits; first seen {moment_in_words(record.created_at)}"
        f"{_why_it_opens_nothing(kek)}\n"
        f"  {kek.attachments:,} attachments, {kek.payloads:,} payloads, {kek.staged:,} staged"
    )


def _why_it_opens_nothing(kek: KekStanding) -> str:
    if kek.is_too_weak:
        return "; its wrap is refused (VAULT_WEAKEST_WRAP)"
    return "" if kek.opens else "; its private half is not here"
