"""``destroy_kek``: delete a retired KEK for good, in two steps."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from documents.errors import ConfigurationError, KekInUse, KekRefused, KeyRingError, StorageError
from documents.management.arguments import USAGE
from documents.management.asking import demand_typed
from documents.management.database import database_told
from documents.management.upkeep import OPERATOR
from documents.models import KekRecord
from documents.services import kek_life
from documents.services.kek_standing import file_of, find_record
from documents.wording import moment_in_words


class Command(BaseCommand):
    """Exit status 0, 1 where something needs the KEK, 2 for a wrong call or one before its time."""

    help = (
        "The first call says that a retired KEK is to be destroyed; a while later "
        "(VAULT_KEK_DESTRUCTION_DELAY, 7 days) a second call with --confirm deletes its files. Before both it is shown "
        "that nothing needs it. Backups of the key directory are yours to see to."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kek", metavar="KEK", help="the beginning of its id, as list_keks has it")
        step = parser.add_mutually_exclusive_group()
        step.add_argument("--confirm", action="store_true", help="the second step: delete it now")
        step.add_argument("--keep", action="store_true", help="take the first step back")
        parser.add_argument("--no-input", action="store_true", help="ask for no typed confirmation")

    @database_told()
    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            record = find_record(options["kek"])
            if options["keep"]:
                kek_life.keep_after_all(record, OPERATOR)
                self.stdout.write(f"KEK {record} is kept, and no longer retired.")
            elif options["confirm"]:
                self._destroy(record, is_asked=not options["no_input"])
            else:
                self._ask_for(record, is_asked=not options["no_input"])
        except KekInUse as error:
            raise CommandError(str(error), returncode=1) from error
        except KekRefused as error:
            raise CommandError(str(error), returncode=USAGE) from error
        except (ConfigurationError, KeyRingError, StorageError, OSError) as error:
            raise CommandError(str(error), returncode=1) from error

    def _ask_for(self, record: KekRecord, *, is_asked: bool) -> None:
        _refuse_destroyed(record)
        kek_life.demand_retired(record)
        _demand_typed(self.stderr, record, "is to be destroyed", is_asked=is_asked)
        kek_life.ask_to_destroy(record, OPERATOR)
        self.stdout.write(
            f"KEK {record} may be destroyed from {moment_in_words(record.destruction_due_at)} on: "
            f"manage.py destroy_kek {record} --confirm. Until then --keep takes it back."
        )

    def _destroy(self, record: KekRecord, *, is_asked: bool) -> None:
        _refuse_destroyed(record)
        kek_life.demand_due(record)
        _demand_typed(self.stderr, record, "is destroyed now and for good", is_asked=is_asked)
        deleted = kek_life.destroy_kek(record, OPERATOR)
        for path in deleted:
            self.stdout.write(f"Deleted: {path}")
        if not deleted:
            self.stdout.write(
                "No file of this key directory holds it. Delete it where else it is: a secret, a service."
            )
        self.stdout.write(f"KEK {record} is destroyed. Delete it from other machines and from backups as well.")


def _refuse_destroyed(record: KekRecord) -> None:
    if record.destroyed_at is not None and not file_of(record.kek_id):  # one that came back is deleted again
        raise KekRefused(f"KEK {record} is destroyed already.")


def _demand_typed(stderr: OutputWrapper, record: KekRecord, what: str, *, is_asked: bool) -> None:
    """What cannot be was said before: nobody types in vain."""
    if is_asked:
        question = f"KEK {record.kek_id} {what}. Type the first 16 characters of its id to go on:"
        demand_typed(record.kek_id[:16], question, stderr)
