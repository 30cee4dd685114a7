"""``adopt_documents``: take documents into the vault that lie elsewhere, in the older envelope or as plain files."""

from argparse import ArgumentParser
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.management.adopting import (
    OPERATOR,
    add_shared_options,
    adopting,
    confirmed,
    judged,
    owners_of,
    reported,
)
from documents.management.arguments import USAGE
from documents.management.progress import progress_on
from documents.services.adopting.outcomes import Outcome
from documents.services.adopting.places import Place, place_of
from documents.services.adopting.report import Tally, as_text
from documents.services.adopting.working import Wish, adopt_all, reseal_all
from documents.services.legacy_reading import demand_weak_wraps

Work = Generator[Outcome]


class Command(BaseCommand):
    """Exit status 0 where all is well, 1 where something failed, 2 for a wrong call, 130 interrupted."""

    help = (
        "Seal documents into the vault that lie elsewhere: in the older JSON envelope, with --plain plain files too. "
        "Owner and date come from the path. Each is read back and compared before its row is written. Originals stay "
        "as they are. Run it again to go on: nothing is adopted twice. Progress is on stderr, the report on stdout."
    )
    requires_system_checks: list[str] = []  # a store or key that is missing is told in other words

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "place", nargs="?", metavar="DIR|STORE|s3://BUCKET/PREFIX", help="where they are; STORE:PREFIX for a part"
        )
        parser.add_argument("--plain", action="store_true", help="plain files too; hidden ones are left out")
        parser.add_argument("--in-place", action="store_true", help="do not seal yet: have them read where they are")
        parser.add_argument("--reseal", action="store_true", help="seal whatever is read in place; takes no place")
        parser.add_argument("--owner-map", type=Path, metavar="CSV", help="old id,user name: who user_<id> is here")
        parser.add_argument(
            "--credentials", default="s3", metavar="STORE", help="whose credentials reach another bucket (s3)"
        )
        add_shared_options(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        _check(options)
        tally = Tally(dry_run=options["dry_run"])
        with adopting(tally):
            wish = Wish(
                owners=owners_of(options),
                actor=OPERATOR,
                with_plain=options["plain"],
                in_place=options["in_place"],
                dry_run=options["dry_run"],
                batch_size=options["batch_size"],
                workers=options["workers"],
                limit=options["limit"],
            )
            work = self._work(options, wish)
            with (
                reported(options, self.stdout, tally) as add,
                progress_on(self.stderr, "adopting") as progress,
                closing(work) as outcomes,
            ):
                for outcome in outcomes:
                    add(outcome)
                    progress.add(outcome.size)
        judged(tally)

    def _work(self, options: dict[str, Any], wish: Wish) -> Work:
        if options["reseal"]:
            self._ask(options, reseal_all, wish)
            return reseal_all(wish)
        place = _place(options)
        if options["in_place"] and not place.store:
            raise CommandError(
                "--in-place reads documents where they are: that has to be a store of this vault. Name it in "
                "VAULT_STORAGE_FILE, or leave --in-place out.",
                returncode=USAGE,
            )
        if options["in_place"]:
            demand_weak_wraps()
        self._ask(options, lambda wish: adopt_all(place, wish), wish)
        return adopt_all(place, wish)

    def _ask(self, options: dict[str, Any], work: Callable[[Wish], Work], wish: Wish) -> None:
        """Show what a run would do, by names and sizes alone, and have it confirmed."""
        if options["no_input"] or options["dry_run"]:
            return
        plan = Tally(dry_run=True)
        with progress_on(self.stderr, "looking") as progress:
            for outcome in work(replace(wish, dry_run=True, thoroughly=False)):
                plan.add(outcome)
                progress.add(outcome.size)
        confirmed(self.stderr, as_text(plan))


def _check(options: dict[str, Any]) -> None:
    if bool(options["place"]) == options["reseal"]:
        raise CommandError(
            "Say where the documents are: a directory, a store, s3://BUCKET; or --reseal.", returncode=USAGE
        )
    if options["in_place"] and (options["plain"] or options["reseal"]):
        raise CommandError("--in-place is for the older envelope: leave --plain and --reseal out.", returncode=USAGE)


def _place(options: dict[str, Any]) -> Place:
    return place_of(options["place"], credentials_of=options["credentials"])
