"""``remove_second_factor USERNAME``: for somebody who lost phone and recovery codes."""

from argparse import ArgumentParser
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from documents.management.database import database_told
from documents.services import audit
from documents.services.actors import Actor


class Command(BaseCommand):
    """Exit status 0 where something was removed, 1 where there was nothing, or nobody of this name."""

    help = (
        "Remove every second factor of a user: authenticator app, passkeys and recovery codes. Be sure who asks for "
        "it: the password alone opens the account then. It is audited."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    @database_told()
    def handle(self, *_args: Any, username: str, **_options: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username!r}.")
        with transaction.atomic():
            removed, _ = Authenticator.objects.filter(user=user).delete()
            if removed:
                audit.record("account.second-factor-removed", Actor(user=None, via="command"), subject=user.pk)
        if not removed:
            raise CommandError(f"{username} has no second factor.")
        self.stdout.write(f"{username} signs in with the password alone now, and should set up a new second factor.")
