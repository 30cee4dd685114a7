"""How a report says sizes, times, rates and what a store said: the same in text and on the page."""

from documents.wording import moment_in_words, plain, size_in_words
from migrations_tools.reports.contents import Options, Report


def class_in_words(below: int | None, lowest: int) -> str:
    """Return what a size class is called; ``lowest`` is where it begins."""
    return f"below {size_in_words(below)}" if below else f"{size_in_words(lowest)} or more"


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
