"""The migrations_tools app: moving sealed objects between providers."""

from django.apps import AppConfig


class MigrationsToolsConfig(AppConfig):
    name = "migrations_tools"
    verbose_name = "Storage migration"

    def ready(self) -> None:
        """Have the sweeper of unfinished writes spare what a run is writing."""
        from documents.services import writers  # noqa: PLC0415  # apps are loaded before models
        from migrations_tools.control import oldest_run_at_work  # noqa: PLC0415

        writers.register(self.name, oldest_run_at_work)
