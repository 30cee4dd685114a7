"""Why the collector leaves a store alone: what it knows may not be all there is to know."""

from documents.errors.base import ConfigurationError


class CollectionRefused(ConfigurationError):
    code = "collection-refused"


class OlderDatabase(CollectionRefused):
    code = "older-database"

    def __init__(self, provider: str, *, stored: int, known: int) -> None:
        """``stored`` is the epoch that the store has, ``known`` the database's."""
        super().__init__(
            f"Store {provider!r} was last cleared by a newer database: its epoch is {stored}, this database's {known}. "
            "An older one was restored, or a second one is in use. Nothing is deleted. Put the newer one back, or have "
            "this one learn from the objects what it does not know: `manage.py recover --add-missing`. Only if this "
            "database really is the right one: "
            f"`manage.py collect_garbage --accept-older-database --store {provider}`."
        )


class StoreReplaced(CollectionRefused):
    code = "store-replaced"

    def __init__(self, provider: str, *, known: int) -> None:
        """``known`` is the last epoch that this database wrote to the store."""
        super().__init__(
            f"Store {provider!r} had epoch {known} and has none now: it is empty, or another one is in its place. Is "
            "its disk mounted, is its bucket the right one? If it was replaced on purpose: "
            f"`manage.py collect_garbage --accept-older-database --store {provider}`."
        )


class DatabaseWithheld(CollectionRefused):
    code = "database-withheld"

    def __init__(self, provider: str) -> None:
        super().__init__(
            f"This database was made again from objects, and is not accepted for store {provider!r}: whatever it does "
            "not name would look like a leftover. Nothing is deleted. Run `manage.py recover` again, with "
            "--rebuild-database or --add-missing as before; its report says what is missing. Where that is lost for "
            f"good: `manage.py collect_garbage --accept-older-database --store {provider}`."
        )


class StoreShared(CollectionRefused):
    code = "store-shared"

    def __init__(self, provider: str, *, vault_id: str) -> None:
        """``vault_id`` is the other vault's."""
        super().__init__(
            f"Store {provider!r} is also used by the vault {vault_id}: its objects would look like leftovers here. "
            "Give each vault a bucket, a prefix or a directory of its own."
        )
