"""Who asks, and how: what a face tells a service for the audit log."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class Actor:
    """``user`` is None for the system and for link recipients; ``via`` is web, api, link, admin, task, command or
    code (an app of the same project)."""

    user: "User | None"
    via: str
    ip: str | None = None
    request_id: str = ""


SYSTEM = Actor(user=None, via="task")
