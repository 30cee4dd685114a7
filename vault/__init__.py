"""The project: what is switched on, and the doors that HTTP and Celery come in by."""

from vault.celery import app as celery_app
from vault.lifeline import end_with_supervisor

__all__ = ["celery_app"]

# Every process of the vault comes through here, so each that the supervisor started is tied to it.
end_with_supervisor()
