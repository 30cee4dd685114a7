"""``retire_kek``: show that nothing needs a KEK any more."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.errors import ConfigurationError, KekInUse, KekRefused, KeyRingError, StorageError
from documents.management.arguments import USAGE
from documents.management.database import database_told
from documents.management.upkeep import OPERATOR
from documents.services import kek_life
from documents.services.kek_standing import find_record


class Command(BaseCommand):
    """Exit status 0, 1 where something still needs the KEK, 2 for a wrong call."""

    help = (
        "Look at every key block there is, in the database and beside the objects. Where one is wrapped for this KEK, "
        "or is not beside its object, it is refused, with the counts; else the KEK is retired: it stays in the ring, "
        "and `destroy_kek` may follow."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kek", metavar="KEK", help="the beginning of its id, as list_keks has it")

    @database_told()
    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            record = find_record(options["kek"])
            looked_at = kek_life.retire_kek(record, OPERATOR)
        except KekInUse as error:
            raise CommandError(str(error), returncode=1) from error
        except KekRefused as error:
            raise CommandError(str(error), returncode=USAGE) from error
        except (ConfigurationError, KeyRingError, StorageError) as error:
            raise CommandError(str(error), returncode=1) from error
        self.stdout.write(
            f"KEK {record} is retired: {looked_at:,} key blocks were looked at, and none is wrapped for it. "
            f"To destroy it: manage.py destroy_kek {record}"
        )
