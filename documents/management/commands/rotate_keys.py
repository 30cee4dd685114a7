"""``rotate_keys``: make a KEK primary, and rewrap everything for it while people go on working."""

from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.encryption.keyring import Kek, KeyRing
from documents.errors import ConfigurationError, KekRefused, KeyRingError
from documents.key_rings import key_ring
from documents.management.arguments import USAGE
from documents.management.database import database_told
from documents.management.upkeep import OPERATOR, add_run_options, conduct, refuse_beside_resume, told
from documents.models import UpkeepRun
from documents.services import kek_life
from documents.services.kek_standing import find_record
from documents.services.sealing_keks import demand_current, target_of
from documents.upkeep import runs
from documents.upkeep.errors import RunRefused
from documents.upkeep.rewrap import begin_rewrapping, left_to_rewrap
from documents.wiring import vault_config

KIND = UpkeepRun.Kind.REWRAP


class Command(BaseCommand):
    """Exit status 0, 1 where something could not be rewrapped, 2 for a wrong call, 130 interrupted."""

    help = (
        "Make a KEK primary (--to) and give every document a key block for it. No body is read or written: at most "
        "8 KiB for each. What is already wrapped for the present recipients is passed by, so that without --to it "
        "finishes what an earlier rotation left, or what changed in the environment began."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_run_options(parser)
        parser.add_argument("--to", metavar="KEK", help="the KEK to make primary: the beginning of its id")
        parser.add_argument(
            "--recovery", metavar="KEK", action="append", help="the recovery KEK from now on; again for a second one"
        )
        parser.add_argument(
            "--repair", action="store_true", help="look at every row: damaged key blocks, sidecars that are missing"
        )
        parser.add_argument("--dry-run", action="store_true", help="say how much is to be rewrapped; change nothing")

    @database_told()
    def handle(self, *_args: Any, **options: Any) -> None:
        refuse_beside_resume(options, "to", "recovery", "repair", "dry_run")
        if options["dry_run"] and options["repair"]:
            raise CommandError(
                "--repair looks at every row: there is nothing to count before. Leave out --dry-run.", returncode=USAGE
            )
        try:
            if options["dry_run"]:
                self._tell(*_wished(options))
            else:
                conduct(
                    KIND, lambda: self._begun(options), options, self, "rotate_keys", before_resuming=_seal_as_begun
                )
        except KekRefused as error:
            raise CommandError(str(error), returncode=USAGE) from error
        except (ConfigurationError, KeyRingError, RunRefused, OSError) as error:
            raise told(error) from error

    def _begun(self, options: dict[str, Any]) -> UpkeepRun:
        ring = key_ring()
        ring.require_private_keys()
        primary, recovery = _wished(options)
        # The run first: of two that rotate at once one gets it, and only that one changes what seals.
        run = begin_rewrapping(OPERATOR, (primary, *recovery), workers=options["workers"], repair=options["repair"])
        try:
            kek_life.make_primary(primary, recovery, OPERATOR, run=run)
        except (OSError, KekRefused):
            runs.cancel(run, OPERATOR)
            raise
        runs.resume(run, OPERATOR)
        self.stderr.write(
            f"Primary: {_named([primary])}. Recovery: {_named(recovery)}. Everything new is sealed for them."
        )
        return run

    def _tell(self, primary: Kek, recovery: list[Kek]) -> None:
        left = left_to_rewrap(target_of([primary, *recovery]))
        self.stdout.write(f"Primary would be {primary.kek_id.hex()[:16]}. To be rewrapped:")
        for scope, count in left:
            self.stdout.write(f"  {scope:<12} {count:,}")


def _seal_as_begun(run: UpkeepRun) -> None:
    """Have those seal for which the run was begun: who began it may have died before, or on another machine."""
    ring = key_ring()
    primary, *recovery = [_in_ring(ring, kek_id) for kek_id in run.options["seal"]]
    if (primary, *recovery) != ring.recipients:
        _refuse_environment()
        kek_life.demand_fit(primary, recovery)
        kek_life.make_primary(primary, recovery, OPERATOR, run=run)


def _refuse_environment() -> None:
    sources = vault_config().keys
    if sources.primary_pem or sources.recovery_pem:
        raise KekRefused(
            "The KEKs that seal come out of the environment: change VAULT_PRIMARY_KEK or VAULT_RECOVERY_KEK there, put "
            "the earlier private key into keys/older/, restart, and run rotate_keys without --to and --recovery."
        )


def _wished(options: dict[str, Any]) -> tuple[Kek, list[Kek]]:
    """The recipients from now on: those that were named, else those of the ring. Raises KekRefused, KeyRingError."""
    ring = key_ring()
    named_primary = [_in_ring(ring, options["to"])] if options["to"] is not None else []
    named_recovery = [_in_ring(ring, name) for name in options["recovery"] or ()]
    primary = (named_primary or [ring.primary])[0]
    recovery = named_recovery or list(ring.recovery)
    if (primary, *recovery) != ring.recipients:
        _refuse_environment()
    kek_life.demand_fit(primary, recovery)
    wanted = KeyRing(primary, recovery, weakest_type=ring.weakest_type)
    # An older ring has an earlier primary: what it says counts where an operator says so too.
    demand_current(wanted, chosen=[*named_primary, *named_recovery], grace=timedelta())
    return primary, recovery


def _named(keks: Sequence[Kek]) -> str:
    return ", ".join(kek.kek_id.hex()[:16] for kek in keks)


def _in_ring(ring: KeyRing, begin: str) -> Kek:
    wanted = find_record(begin).kek_id
    found = next((kek for kek in (*ring.recipients, *ring.older) if kek.kek_id.hex() == wanted), None)
    if found is None:
        raise KekRefused(
            f"KEK {wanted[:16]} is not in the key ring of this process. Put its file into the key directory."
        )
    return found
