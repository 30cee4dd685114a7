"""``storage_env``: print the storage configuration for workers and other processes."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.errors import ConfigurationError
from documents.management.arguments import USAGE
from documents.services.storage_env import LEFT_OUT, Shape, storage_environment, written
from documents.wiring import vault_config


class Command(BaseCommand):
    """The variables stand on stdout alone, so that they can go into a file; what is missing in them on stderr."""

    help = "Print the variables of the stores this vault uses, for workers elsewhere. Secrets only with --secrets."
    requires_system_checks: list[str] = []  # nothing is asked of keys or store

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=[shape.value for shape in Shape], default=Shape.DOTENV.value)
        parser.add_argument("--secrets", action="store_true", help="print secrets too; keep the output private")

    def handle(self, *_args: Any, format: str, secrets: bool, **_options: Any) -> None:  # noqa: A002  # the option's name
        variables = storage_environment(vault_config(), with_secrets=secrets)
        try:
            self.stdout.write(written(variables, Shape(format)))
        except ConfigurationError as error:
            raise CommandError(str(error), returncode=USAGE) from error
        if LEFT_OUT in variables.values():
            self.stderr.write(f"Secrets are left out and stand there as {LEFT_OUT}: put them in, or use --secrets.")
        if "VAULT_STORAGE_FILE" in variables:
            self.stderr.write(
                f"Copy {variables['VAULT_STORAGE_FILE']} too, and the files that its members ending in _file name."
            )
