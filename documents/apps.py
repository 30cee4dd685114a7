"""The documents app: the product."""

from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    """The app's label is in the names of its tables; ``verbose_name`` is what the admin shows."""

    name = "documents"
    verbose_name = "Vault"

    def ready(self) -> None:
        from documents import checks  # noqa: F401, PLC0415  # registers the checks, once models are loaded
        from documents.web import account_audit  # noqa: PLC0415  # listens to allauth, whose models are loaded now

        account_audit.listen()
