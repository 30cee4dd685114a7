"""``adopt_documents``: take documents into the vault that lie elsewhere, in the older envelope or as plain files."""

from argparse import ArgumentParser
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.errors import WeakWrap
from documents.management.adopting import add_shared_options, adopting, conduct, wish_of
from documents.management.arguments import USAGE
from documents.services.adopting.places import Place, place_of
from documents.services.adopting.report import Tally
from documents.services.adopting.working import adopt_all, reseal_all
from documents.services.legacy_reading import demand_weak_wraps


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
            wish = replace(wish_of(options), with_plain=options["plain"], in_place=options["in_place"])
            work = reseal_all if options["reseal"] else partial(adopt_all, _place(options))
            conduct(work, wish, tally, self, **options)


def _check(options: dict[str, Any]) -> None:
    if bool(options["place"]) == options["reseal"]:
        raise CommandError(
            "Say where the documents are: a directory, a store, s3://BUCKET; or --reseal.", returncode=USAGE
        )
    if options["in_place"] and (options["plain"] or options["reseal"]):
        raise CommandError("--in-place is for the older envelope: leave --plain and --reseal out.", returncode=USAGE)


def _place(options: dict[str, Any]) -> Place:
    place = place_of(options["place"], credentials_of=options["credentials"])
    if options["in_place"]:
        _demand_reading_in_place(place)
    return place


def _demand_reading_in_place(place: Place) -> None:
    if not place.store:
        raise CommandError(
            "--in-place reads documents where they are: that has to be a store of this vault. Name it in "
            "VAULT_STORAGE_FILE, or leave --in-place out.",
            returncode=USAGE,
        )
    try:
        demand_weak_wraps()
    except WeakWrap as error:
        raise CommandError(
            "--in-place has them read as they are, wrapped by RSA alone, which VAULT_WEAKEST_WRAP refuses. Leave it "
            "out: then they are sealed.",
            returncode=USAGE,
        ) from error
