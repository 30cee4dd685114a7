"""The scheduled scrub: everything that is stored is read once in a while, slowly."""

from django.db.models import Max

from documents.models import UpkeepRun
from documents.models.clock import database_now
from documents.models.upkeep import UpkeepState
from documents.services.actors import SYSTEM
from documents.upkeep import runs
from documents.upkeep.errors import RunRefused
from documents.upkeep.verify import begin_verifying
from documents.wiring import vault_config


def begin_scrub_if_due() -> UpkeepRun | None:
    """Begin to verify everything, where the last complete look began longer than the interval ago.

    A scrub that was interrupted goes on.

    Returns None where it is not time yet, where scrubbing is off, or where another verification is not over.
    """
    scrub = vault_config().scrub
    interrupted = UpkeepRun.objects.filter(
        kind=UpkeepRun.Kind.VERIFY, state=UpkeepState.INTERRUPTED, options__is_scrub=True
    ).first()
    if scrub.enabled and interrupted:
        # A store was away for a while. Who wants a scrub to stop pauses or cancels it.
        runs.resume(interrupted, SYSTEM)
        return interrupted
    complete = UpkeepRun.objects.filter(
        kind=UpkeepRun.Kind.VERIFY, state__in=[UpkeepState.SUCCEEDED, UpkeepState.FAILED], options__store=""
    )
    last = complete.aggregate(last=Max("created_at"))["last"]
    if not scrub.enabled or (last is not None and database_now() - last < scrub.interval):
        return None
    try:
        return begin_verifying(SYSTEM, rate=scrub.rate, workers=1, is_scrub=True)
    except RunRefused:
        return None
