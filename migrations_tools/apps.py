"""The migrations_tools app: moving sealed objects between providers."""

from django.apps import AppConfig


class MigrationsToolsConfig(AppConfig):
    name = "migrations_tools"
    verbose_name = "Storage migration"
