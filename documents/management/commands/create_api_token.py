"""``create_api_token USERNAME``: make a token for the API and print it, alone, on stdout."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from documents.management.database import database_told
from documents.models import ApiToken
from documents.services.actors import Actor
from documents.services.tokens import SCOPES, create_token


class Command(BaseCommand):
    """Prints the token and nothing else. CommandError for an unknown user, or days or a name out of limits."""

    help = "Make an API token for a user and print it on stdout. It is shown this once; the vault keeps its hash."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="what the token is for")
        parser.add_argument("--scope", action="append", choices=SCOPES, help="may be repeated; default: all")
        parser.add_argument("--days", type=int, default=None, help="days until it expires; default: never")

    @database_told()
    def handle(
        self, *_args: Any, username: str, name: str, scope: list[str] | None, days: int | None, **_: Any
    ) -> None:
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {username!r}. Accounts are made in the admin, under Users.")
        if days is not None and not 1 <= days <= 3650:
            raise CommandError(f"--days is {days}. Choose between 1 and 3650.")
        longest = ApiToken._meta.get_field("name").max_length or 0
        if len(name) > longest:
            raise CommandError(f"--name has {len(name)} characters. Choose {longest} at most.")
        made = create_token(
            user,
            actor=Actor(user=None, via="command"),
            name=name,
            scopes=tuple(scope or SCOPES),
            expires_in=timedelta(days=days) if days else None,
        )
        self.stdout.write(made.token)
