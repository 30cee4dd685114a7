"""Files of another app's rows: what a ``FileField`` names, in whatever storage it is kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.core.exceptions import FieldDoesNotExist
from django.core.files.base import File
from django.core.files.storage import Storage
from django.db.models import FileField, Model, QuerySet
from django.utils import timezone

from documents.errors import ConfigurationError, SourceRefused, VaultError
from documents.services.adopting.names import Told
from documents.services.adopting.opening import Original
from documents.services.adopting.owners import Owners
from documents.services.adopting.sources import Source
from documents.services.names import clean_filename
from documents.storage.base import Buffer


@dataclass(frozen=True)
class FieldOfApp:
    """``label`` is ``app_label.Model.field``. ``owner_path`` and ``date_path`` lead from a row to its owner and date,
    with ``__`` between the steps; "" for none. ``storage`` is where the files are now."""

    label: str
    model: type[Model]
    name: str
    storage: Storage
    owner_path: str = ""
    date_path: str = ""

    def rows(self, count: int) -> Iterator[list[Model]]:
        """Yield all rows that have a file, so many at a time, by their keys. Rows made meanwhile may be among them."""
        last: Any = None
        while batch := list(self._after(last)[:count]):
            yield batch
            last = batch[-1].pk

    def name_in(self, row: Model) -> str:
        """The name of a row's file, as its storage knows it."""
        return str(getattr(row, self.name).name)

    def source_of(self, row: Model) -> Source:
        """What is known of a row's file. Raises SourceRefused where the storage cannot tell."""
        name = self.name_in(row)
        with _others_faults():
            size, modified_at = self.storage.size(name), self._modified_at(name)
        return Source(name, f"field:{self.label}", f"{row.pk}/{name}", size, modified_at)

    def original_of(self, row: Model, source: Source) -> Original:
        """Open a row's file; the caller closes it. Raises SourceRefused."""
        with _others_faults():
            file = self.storage.open(source.key, "rb")
        original = Original(self.told_of(row), source.size, _pieces(file))
        original.then_close(file.close)
        return original

    def told_of(self, row: Model) -> Told:
        """What the document is called, and when it was made, by its row alone."""
        filename = clean_filename(self.name_in(row).replace("\\", "/").rpartition("/")[2])
        return Told(filename, made_at=_as_time(_follow(row, self.date_path)) if self.date_path else None)

    def owner_of(self, row: Model, owners: Owners) -> User | None:
        """Raises SourceRefused where the row has no owner and nobody was named for such rows."""
        owner = _follow(row, self.owner_path) if self.owner_path else None
        if owner is not None and not isinstance(owner, User):
            raise SourceRefused(
                "unknown-owner", f"{self.owner_path} leads to no person, but to {type(owner).__name__}."
            )
        return owner or owners.owner_of(self.told_of(row))

    def _after(self, last: Any) -> "QuerySet[Model]":
        rows = self.model._base_manager.exclude(**{self.name: ""}).exclude(**{f"{self.name}__isnull": True})
        related = [path for path in (self.owner_path, self.date_path.rpartition("__")[0]) if path]
        if related:
            rows = rows.select_related(*related)
        return (rows if last is None else rows.filter(pk__gt=last)).order_by("pk")

    def _modified_at(self, name: str) -> datetime:
        try:
            found = self.storage.get_modified_time(name)
        except NotImplementedError:  # not every storage keeps it
            return timezone.now()
        return found if timezone.is_aware(found) else timezone.make_aware(found)


def field_of_app(label: str, *, storage: Storage | None, owner_path: str, date_path: str) -> FieldOfApp:
    """Return the field that ``label`` names, read from ``storage`` or else from its own.

    Raises ConfigurationError where there is no such field, or a path leads nowhere.
    """
    app_and_model, _, name = label.rpartition(".")
    try:
        model = apps.get_model(app_and_model)
        field = model._meta.get_field(name)
    except (LookupError, ValueError, FieldDoesNotExist) as error:
        raise ConfigurationError(f"There is no field {label!r}. Write it as app_label.Model.field.") from error
    if not isinstance(field, FileField):
        raise ConfigurationError(f"{label} is no FileField.")
    for path in (owner_path, date_path):
        _check_path(model, path)
    return FieldOfApp(label, model, name, storage or field.storage, owner_path, date_path)


def _check_path(model: type[Model], path: str) -> None:
    here: Any = model
    for step in path.split("__") if path else ():
        try:
            here = here._meta.get_field(step).related_model
        except (FieldDoesNotExist, AttributeError) as error:
            raise ConfigurationError(f"{path} is no way from {model.__name__}: there is no {step}.") from error


def _follow(row: Model, path: str) -> Any:
    here: Any = row
    for step in path.split("__"):
        here = None if here is None else getattr(here, step)
    return here


def _as_time(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value if timezone.is_aware(value) else timezone.make_aware(value)
    return datetime.combine(value, time(), UTC) if isinstance(value, date) else None


def _pieces(file: File) -> Iterator[Buffer]:  # type: ignore[type-arg]  # a generic in the stubs alone
    with _others_faults():
        chunks = iter(file.chunks())
    while True:
        with _others_faults():
            chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk.encode() if isinstance(chunk, str) else chunk


@contextmanager
def _others_faults() -> Iterator[None]:
    """A storage of another app raises what it likes; it is told by its kind, for its words may hold secrets."""
    try:
        yield
    except VaultError:
        raise
    except FileNotFoundError as error:
        raise SourceRefused("source-missing", "The row names a file that its storage does not have.") from error
    except Exception as error:
        raise SourceRefused(
            "source-unreadable", f"Its storage cannot give the file ({type(error).__name__})."
        ) from error
