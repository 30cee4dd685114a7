"""Where the values of one store come from: variables of the environment, or a table of the storage file.

A store is read the same way from both; only what a field is called in messages differs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import environ

from documents.conf.reading import shown, text, whole_number, within
from documents.conf.secret_files import read_secret_file
from documents.conf.secrets import secret
from documents.errors import ConfigurationError

# What may stand in a file or a variable in place of the storage file.
SECRETS = frozenset(("access_key", "secret_key", "password", "account_key", "sas_token", "connection_string"))


class Source(Protocol):
    """``text`` gives a field's value or "", ``called`` what messages call it: S3_BUCKET, or stores.archive.bucket."""

    def text(self, field: str) -> str: ...
    def called(self, field: str) -> str: ...


@dataclass(frozen=True)
class Variables:
    """Fields as variables that begin with ``prefix``, or files that NAME_FILE names."""

    env: environ.Env
    prefix: str

    def text(self, field: str) -> str:
        return (secret if field in SECRETS else text)(self.env, self.called(field))

    def called(self, field: str) -> str:
        return f"{self.prefix}_{field}".upper()


@dataclass(frozen=True)
class Table:
    """Fields of a TOML table. For secrets ``field_file`` and ``field_env`` stand in: a path, a variable's name."""

    env: environ.Env
    values: Mapping[str, object]
    place: str
    directory: Path

    def text(self, field: str) -> str:
        """Raises ConfigurationError where the value is no text or number, is given twice, or cannot be read."""
        if field in SECRETS:
            return self.secret(field)
        return self._plain(field)

    def secret(self, field: str) -> str:
        """As ``text``, for a field that may be kept in a file or a variable."""
        given = [name for name in (field, f"{field}_file", f"{field}_env") if name in self.values]
        if len(given) > 1:
            raise ConfigurationError(f"{self.called(field)} is given twice, by {' and '.join(given)}. Leave one.")
        if f"{field}_file" in given:
            return self._from_file(f"{field}_file")
        if f"{field}_env" in given:
            variable = self._plain(f"{field}_env")
            if value := secret(self.env, variable):
                return value
            raise ConfigurationError(f"{self.called(field)}_env names {variable}, which is not set.")
        return self._plain(field)

    def _from_file(self, field: str) -> str:
        file = self._plain(field)
        try:
            return read_secret_file(self.directory / file, name=self.called(field)).decode().strip()
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"{self.called(field)}: {file} is not text in UTF-8.") from error

    def _plain(self, field: str) -> str:
        value = self.values.get(field, "")
        if isinstance(value, bool):
            return str(value).lower()
        if not isinstance(value, (str, int)):
            raise ConfigurationError(f"{self.called(field)} is neither text nor a whole number.")
        return str(value).strip()

    def called(self, field: str) -> str:
        return f"{self.place}.{field}"

    def names(self, field: str) -> tuple[str, ...]:
        """A list of texts; () where there is none."""
        values = self.values.get(field, [])
        if not isinstance(values, list) or not all(isinstance(value, str) and value.strip() for value in values):
            raise ConfigurationError(f'{self.called(field)} is no list of names. Write it as ["one", "two"].')
        return tuple(values)

    def refuse_unknown(self, known: frozenset[str]) -> None:
        """Raises ConfigurationError for a field that nobody reads: most likely it is mistyped."""
        for field in self.values:
            if field not in known and field.removesuffix("_file").removesuffix("_env") not in known & SECRETS:
                raise ConfigurationError(f"{self.called(field)} is unknown. Set one of {', '.join(sorted(known))}.")


def needed(source: Source, field: str, reason: str) -> str:
    """Return the field. Raises ConfigurationError where it is empty; ``reason`` says who needs it."""
    if value := source.text(field):
        return value
    raise ConfigurationError(f"{source.called(field)} is missing. {reason}")


def number(source: Source, field: str, default: int, *, lowest: int = 1, highest: int = 10**9) -> int:
    """Return a whole number between the two, both included."""
    called = source.called(field)
    return within(called, whole_number(source.text(field) or str(default), called), lowest, highest)


def choice(source: Source, field: str, choices: tuple[str, ...]) -> str:
    """Return one of ``choices``, the first where nothing is set."""
    value = source.text(field) or choices[0]
    if value not in choices:
        raise ConfigurationError(f"{source.called(field)} is {shown(value)}. Set it to {' or '.join(choices)}.")
    return value


def switch(source: Source, field: str, *, default: bool) -> bool:
    """Return true or false, ``default`` where nothing is set. Raises ConfigurationError for any other word."""
    return choice(source, field, ("true", "false") if default else ("false", "true")) == "true"


def prefix_of(source: Source, field: str = "prefix") -> str:
    """Return the key prefix, without slashes around it. Raises ConfigurationError for one that no object key can have.

    It is put before every object key, whose limits are those of ``documents.storage.keys``.
    """
    prefix = source.text(field).strip("/")
    segments = prefix.split("/") if prefix else []
    if len(prefix) > LONGEST_PREFIX or not all(_is_plain(segment) for segment in segments):
        raise ConfigurationError(
            f"{source.called(field)} is no key prefix. Set it to at most {LONGEST_PREFIX} letters, digits, dots, "
            "dashes and underscores in segments between slashes."
        )
    return prefix


# It leaves an object key of 500 characters far below the 1,024 bytes that stores take.
LONGEST_PREFIX = 200


def _is_plain(segment: str) -> bool:
    return bool(segment.strip(".")) and all(c.isascii() and (c.isalnum() or c in ".-_") for c in segment)
