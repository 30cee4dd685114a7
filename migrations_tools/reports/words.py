"""How a report says sizes, times, rates and what a store said: the same in text and on the page."""

from datetime import datetime, timedelta

from migrations_tools.reports.contents import Options, Report

_UNITS = ("KiB", "MiB", "GiB", "TiB")


def size_in_words(size: int) -> str:
    """Return a size in bytes as ``1.2 MiB``."""
    if size < 1024:
        return f"{size} byte{'' if size == 1 else 's'}"
    value, unit = size / 1024, 0
    while value >= 1023.95 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:,.1f}".removesuffix(".0") + f" {_UNITS[unit]}"


def class_in_words(below: int | None, lowest: int) -> str:
    """Return what a size class is called; ``lowest`` is where it begins."""
    return f"below {size_in_words(below)}" if below else f"{size_in_words(lowest)} or more"


def moment_in_words(moment: datetime | None) -> str:
    """Return a time in UTC, to the second."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "not yet"


def duration_in_words(duration: timedelta) -> str:
    """Return a duration as ``2 days, 1:02:03``; below a minute as ``5.3 s``."""
    if duration < timedelta(minutes=1):
        return f"{duration.total_seconds():.1f}".removesuffix(".0") + " s"
    return str(timedelta(seconds=round(duration.total_seconds())))


def elsewhere_in_words(count: int, destination: str) -> str:
    """Return what is said of objects that a run left in other stores."""
    objects = "object is" if count == 1 else "objects are"
    return f"{count:,} {objects} still elsewhere than in {plain(destination)}: run again"


def options_in_words(report: Report) -> list[str]:
    """Return what the run was narrowed to and how it worked, a few words each."""
    options: Options = report.options
    narrowed = {
        "documents of user": options.owner,
        "made since": options.since and moment_in_words(options.since),
        "at most": options.max_items and f"{options.max_items:,} items",
        "bandwidth": options.bandwidth and f"{size_in_words(options.bandwidth)} per second",
    }
    worked = f"{options.workers} workers of {options.threads} threads, batches of {options.batch_size:,}"
    return [*(f"{name} {value}" for name, value in narrowed.items() if value), worked]


def plain(text: str) -> str:
    """Return text that a terminal shows as it is: what a store said moves no cursor and colours nothing."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
