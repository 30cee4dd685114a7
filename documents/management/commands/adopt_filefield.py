"""``adopt_filefield``: seal the files that another app's ``FileField`` names."""

from argparse import ArgumentParser
from collections.abc import Generator
from functools import partial
from typing import Any

from django.core.files.storage import InvalidStorageError, Storage, storages
from django.core.management.base import BaseCommand, CommandError

from documents.filestorage import VaultStorage
from documents.management.adopting import add_shared_options, adopting, conduct, wish_of
from documents.management.arguments import USAGE
from documents.services.adopting.field_files import adopt_as_documents, seal_under_names
from documents.services.adopting.fields import FieldOfApp, field_of_app
from documents.services.adopting.outcomes import Outcome
from documents.services.adopting.report import Tally
from documents.services.adopting.working import Wish
from documents.storage.policies import DEFAULT

DOCUMENTS, STORAGE = "documents", "storage"


class Command(BaseCommand):
    """Exit status 0 where all is well, 1 where something failed, 2 for a wrong call, 130 interrupted."""

    help = (
        "Seal the file of each row: --to documents makes documents of them, with an owner; --to storage seals them "
        "under the names that the rows have, so that the field goes on working once its storage is VaultStorage. Each "
        "is read back and compared. Rows and originals stay as they are. Run it again to go on."
    )
    requires_system_checks: list[str] = []  # a store or key that is missing is told in other words

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("field", metavar="APP.MODEL.FIELD")
        parser.add_argument("--to", choices=(DOCUMENTS, STORAGE), required=True)
        parser.add_argument("--from", dest="source", metavar="ALIAS", help="of STORAGES; default: the field's storage")
        parser.add_argument("--owner-field", default="", metavar="PATH", help="leads to a person: employee__user")
        parser.add_argument("--date-field", default="", metavar="PATH", help="leads to its date; default: the file's")
        parser.add_argument("--policy", metavar="NAME", help=f"of VaultStorage, with --to storage ({DEFAULT})")
        add_shared_options(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        _check(options)
        tally = Tally(dry_run=options["dry_run"])
        with adopting(tally):
            conduct(partial(_work, _field(options), options), wish_of(options), tally, self, **options)


def _work(field: FieldOfApp, options: dict[str, Any], wish: Wish) -> Generator[Outcome]:
    if options["to"] == DOCUMENTS:
        return adopt_as_documents(field, wish)
    return seal_under_names(field, options["policy"] or DEFAULT, wish)


def _field(options: dict[str, Any]) -> FieldOfApp:
    field = field_of_app(
        options["field"],
        storage=_storage(options["source"]),
        owner_path=options["owner_field"],
        date_path=options["date_field"],
    )
    if isinstance(field.storage, VaultStorage):
        raise CommandError(
            f"The files of {field.label} are sealed already: its storage is VaultStorage. To read them from where they "
            "were before, name that storage: --from ALIAS.",
            returncode=USAGE,
        )
    return field


def _storage(alias: str | None) -> Storage | None:
    if alias is None:
        return None
    try:
        return storages[alias]
    except InvalidStorageError as error:
        raise CommandError(f"STORAGES has no usable entry {alias!r}.", returncode=USAGE) from error


def _check(options: dict[str, Any]) -> None:
    of_documents = [name for name in ("owner_field", "date_field", "owner", "system") if options[name]]
    if options["to"] == STORAGE and of_documents:
        raise CommandError("Owner and date are a document's: leave them out with --to storage.", returncode=USAGE)
    if options["to"] == DOCUMENTS and options["policy"]:
        raise CommandError("--policy goes with --to storage.", returncode=USAGE)
