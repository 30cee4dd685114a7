"""The scheduled scrub: everything that is stored is read once in a while, slowly."""

from datetime import datetime, timedelta

from django.db.models import Max, Sum

from documents.models import UpkeepRun
from documents.models.clock import database_now
from documents.models.upkeep import UpkeepState
from documents.services.actors import SYSTEM
from documents.upkeep import runs
from documents.upkeep.errors import RunRefused
from documents.upkeep.verify import begin_verifying
from documents.wiring import vault_config

# Before an interrupted scrub that came no further is tried once more; each time twice as long as before.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(hours=2), timedelta(days=1)


def begin_scrub_if_due() -> UpkeepRun | None:
    """Begin to verify everything, where the last complete look began longer than the interval ago.

    A scrub that was interrupted goes on: at once where it came further since it last did, else after pauses that grow.
    One that came no further until the next is due is given up for that.

    Returns None where it is not time yet, where scrubbing is off, or where another verification is not over.
    """
    scrub = vault_config().scrub
    if not scrub.enabled:
        return None
    interrupted = UpkeepRun.objects.filter(
        kind=UpkeepRun.Kind.VERIFY, state=UpkeepState.INTERRUPTED, options__is_scrub=True
    ).first()
    try:
        if interrupted and not _is_given_up(interrupted, scrub.interval):
            return _resumed(interrupted)
        complete = UpkeepRun.objects.filter(
            kind=UpkeepRun.Kind.VERIFY, state__in=[UpkeepState.SUCCEEDED, UpkeepState.FAILED], options__store=""
        )
        last = complete.aggregate(last=Max("created_at"))["last"]
        if last is not None and database_now() - last < scrub.interval:
            return None
        return begin_verifying(SYSTEM, rate=scrub.rate, workers=1, is_scrub=True)
    except RunRefused:  # an operator was quicker, or has one of his own
        return None


def _resumed(run: UpkeepRun) -> UpkeepRun | None:
    """A store was away for a while. Who wants a scrub to stop pauses or cancels it. Raises RunRefused."""
    now, seen, tries = database_now(), _seen(run), _vain_tries(run)
    if tries:
        pause = min(FIRST_PAUSE * 2 ** min(tries - 1, 10), LONGEST_PAUSE)
        if now - datetime.fromisoformat(run.options["resumed"]["at"]) < pause:
            return None
    runs.resume(run, SYSTEM)
    options = {**run.options, "resumed": {"at": now.isoformat(), "seen": seen, "tries": tries}}
    UpkeepRun.objects.filter(pk=run.pk).update(options=options)
    return run


def _is_given_up(run: UpkeepRun, interval: timedelta) -> bool:
    """Cancel one that leads nowhere, where the next is due. Raises RunRefused."""
    if not _vain_tries(run) or database_now() - run.created_at < interval:
        return False
    runs.cancel(run, SYSTEM)
    return True


def _vain_tries(run: UpkeepRun) -> int:
    """How many times in a row it was resumed, up to now, and came no further."""
    before = run.options.get("resumed")
    return before["tries"] + 1 if before and before["seen"] == _seen(run) else 0


def _seen(run: UpkeepRun) -> int:
    seen: int = run.shares.aggregate(seen=Sum("seen"))["seen"] or 0
    return seen
