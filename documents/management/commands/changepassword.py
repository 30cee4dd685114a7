"""``changepassword USERNAME``: Django's command, audited."""

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.models import User

from documents.services import audit
from documents.services.actors import Actor


class Command(changepassword.Command):
    """As Django's; one audit event says whose password was set."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        said: str | None = super().handle(*args, **options)
        user = User.objects.get(username=options["username"] or getpass.getuser())
        audit.record("account.password-changed", Actor(user=None, via="command"), subject=user.pk)
        return said
