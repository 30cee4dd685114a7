"""``reseal_documents``: a new DEK and a new object, where an old private key may be in other hands."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from documents.errors import ConfigurationError, KekRefused, KeyRingError
from documents.management.arguments import USAGE
from documents.management.database import database_told
from documents.management.upkeep import OPERATOR, add_run_options, conduct, told
from documents.models import Document, UpkeepRun
from documents.models.upkeep import UpkeepState
from documents.services.kek_standing import find_record
from documents.upkeep.errors import RunRefused
from documents.upkeep.reseal import begin_resealing
from documents.upkeep.reseal_meanwhile import sealed_elsewhere_until
from documents.wording import moment_in_words


class Command(BaseCommand):
    """Exit status 0, 1 where something could not be sealed anew, 2 for a wrong call, 130 interrupted."""

    help = (
        "Seal documents anew for the present recipients, each with a new key and into a new object; the old objects "
        "are deleted. For whenever a private key was lost to others: a rotation keeps the object, and its header "
        "can be opened with the old key. Rotate first, so that nothing is sealed for the lost key again."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_run_options(parser)
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--kek", metavar="KEK", help="what was sealed for this KEK: the beginning of its id")
        which.add_argument("--document", type=_document_id, metavar="ID", help="all versions of one document")
        which.add_argument("--all", action="store_true", help="everything")

    @database_told()
    def handle(self, *_args: Any, **options: Any) -> None:
        chosen = [options["kek"], options["document"], options["all"] or None, options["resume"], options["cancel"]]
        if sum(choice is not None for choice in chosen) != 1:
            raise CommandError("Say which: --kek, --document or --all.", returncode=USAGE)
        # What is empty, as of a shell's variable that is not set, is none: it would be everything.
        if options["document"] is not None and not _is_there(options["document"]):
            raise CommandError(f"There is no document {str(options['document'])!r}.", returncode=USAGE)
        try:
            kek_id = find_record(options["kek"]).kek_id if options["kek"] is not None else ""
            conduct(UpkeepRun.Kind.RESEAL, lambda: self._begun(kek_id, options), options, self, "reseal_documents")
            if options["cancel"] is None:
                self._tell_what_may_come()
        except KekRefused as error:
            raise CommandError(str(error), returncode=USAGE) from error
        except (ConfigurationError, KeyRingError, RunRefused) as error:
            raise told(error) from error

    def _tell_what_may_come(self) -> None:
        run = UpkeepRun.objects.filter(kind=UpkeepRun.Kind.RESEAL, state=UpkeepState.SUCCEEDED).first()
        if run and (until := sealed_elsewhere_until(run)):
            self.stderr.write(
                f"What was asked for is sealed anew. Until {moment_in_words(until)} a machine with older key "
                "files may take uploads for a KEK that was replaced: run this once more after that, unless every "
                "machine has the present ones."
            )

    def _begun(self, kek_id: str, options: dict[str, Any]) -> UpkeepRun:
        return begin_resealing(OPERATOR, kek_id=kek_id, document_id=options["document"], workers=options["workers"])


def _document_id(text: str) -> UUID | str:
    """What is no id names no document, and is refused as such."""
    try:
        return UUID(text)
    except ValueError:
        return text


def _is_there(document_id: UUID | str) -> bool:
    return isinstance(document_id, UUID) and Document.objects.filter(pk=document_id).exists()
