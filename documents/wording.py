"""How sizes, times and what a store said are told to people: the same in texts, on pages and on terminals."""

from datetime import datetime, timedelta

_UNITS = ("KiB", "MiB", "GiB", "TiB")


def size_in_words(size: int) -> str:
    """Return a size in bytes as ``1.2 MiB``."""
    if size < 1024:
        return f"{size} byte{'' if size == 1 else 's'}"
    value, unit = size / 1024, 0
    while value >= 1023.95 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:,.1f}".removesuffix(".0") + f" {_UNITS[unit]}"


def moment_in_words(moment: datetime | None) -> str:
    """Return a time in UTC, to the second."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "not yet"


def duration_in_words(duration: timedelta) -> str:
    """Return a duration as ``2 days, 1:02:03``; below a minute as ``5.3 s``."""
    if duration < timedelta(minutes=1):
        return f"{duration.total_seconds():.1f}".removesuffix(".0") + " s"
    return str(timedelta(seconds=round(duration.total_seconds())))


def plain(text: str) -> str:
    """Return text that a terminal shows as it is: what a store said moves no cursor and colours nothing."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
