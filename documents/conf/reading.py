"""One variable at a time: read, checked, refused with a line that names it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import environ

from documents.errors import ConfigurationError

GIB = 1024**3
LONGEST_SHOWN = 20
# AWS's own limit for one object (S3 user guide, "Multipart upload limits"); no store that we know takes more.
LARGEST_OBJECT = 5 * 1024 * GIB


def text(env: environ.Env, name: str) -> str:
    """Return a variable, or what stands in the file that ``name``_FILE names; "" where neither is set."""
    try:
        # Not env.str: that takes a value with a dollar in front for the name of another variable.
        return str(env.ENVIRON.get(name, "")).strip()
    except OSError as error:
        raise ConfigurationError(f"{name}_FILE, {error.filename}, cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{name}_FILE is not text.") from error


def one_of(env: environ.Env, name: str, choices: tuple[str, ...], *, fold: Callable[[str], str] = str) -> str:
    """Return one of ``choices``, the first where the variable is not set. ``fold`` is applied to what was written."""
    value = fold(text(env, name)) or choices[0]
    if value not in choices:
        raise ConfigurationError(f"{name} is {shown(value)}. Set it to {' or '.join(choices)}.")
    return value


def flag(env: environ.Env, name: str, *, default: bool = False) -> bool:
    """Return true or false; what reads as neither is refused, since it would be taken for the unsafe one."""
    value = text(env, name).lower() or str(default).lower()
    if value not in ("true", "false", "1", "0", "yes", "no", "on", "off"):
        raise ConfigurationError(f"{name} is {shown(value)}. Set it to true or false.")
    return value in ("true", "1", "yes", "on")


def duration(env: environ.Env, name: str, default: timedelta) -> timedelta:
    """Return a time in whole seconds, one second to ten years. Raises ConfigurationError naming the variable."""
    seconds = whole_number(text(env, name) or f"{default.total_seconds():.0f}", name, "a whole number of seconds")
    return timedelta(seconds=within(name, seconds, 1, 10 * 365 * 86400))


def size(env: environ.Env, name: str, default: int) -> int:
    """Return a whole number of bytes, from one to the largest object. Raises ConfigurationError."""
    return within(
        name, whole_number(text(env, name) or str(default), name, "a whole number of bytes"), 1, LARGEST_OBJECT
    )


def count(env: environ.Env, name: str, default: int) -> int:
    """Return a whole number from 1 to a million."""
    return within(name, whole_number(text(env, name) or str(default), name), 1, 1_000_000)


def path(env: environ.Env, name: str, default: Path, base_dir: Path) -> Path:
    """Return a path; one that is not absolute is below ``base_dir``. Nothing is looked for on the disk."""
    return base_dir / (text(env, name) or default)


def shown(value: str) -> str:
    """Enough to recognise a mistyped word; a file of secrets that was named by mistake stays untold."""
    return repr(value) if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]!r}…"


def whole_number(value: str, name: str, what: str = "a whole number") -> int:
    """Return ``value`` as a number; ``name`` is what a complaint calls it, ``what`` what it should be."""
    try:
        return int(value)
    except ValueError as error:
        raise ConfigurationError(f"{name} is {shown(value)}. Set it to {what}.") from error


def within(name: str, value: int, lowest: int, highest: int) -> int:
    """Return ``value`` where it lies between the two, both included."""
    if not lowest <= value <= highest:
        raise ConfigurationError(f"{name} is {value}. Set it between {lowest} and {highest}.")
    return value
