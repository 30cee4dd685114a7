"""``python -m tests.browser.prepare``: schema, keys, static files and people for the server that browsers talk to."""

import os
from pathlib import Path

import django

PASSWORD = "correct horse battery staple"
# Alice owns documents, Bob owns none, Charlie sets up a second factor, Dora is staff, Erin has a passkey, and for Frank
# everything goes wrong.
PEOPLE = ("alice", "bob", "charlie", "dora", "erin", "frank")


def main() -> None:
    django.setup()
    from django.conf import settings  # noqa: PLC0415  # only after setup
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    with Path(os.devnull).open("w") as nowhere:
        call_command("create_keyring", recovery_dir=settings.DATA_DIR / "recovery", stdout=nowhere)
    for name in PEOPLE:
        User.objects.create_user(
            name, f"{name}@example.com", PASSWORD, is_staff=name == "dora", is_superuser=name == "dora"
        )


if __name__ == "__main__":
    main()
