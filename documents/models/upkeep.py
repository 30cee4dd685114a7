"""Runs over everything that is stored: rewrapping, sealing anew, verifying. Figures are computed from these rows."""

from collections.abc import Mapping

from django.conf import settings
from django.db import models


class UpkeepState(models.TextChoices):
    RUNNING = "running"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    SUCCEEDED = "succeeded"
    FAILED = "failed", "over, with findings"


_State = UpkeepState
TRANSITIONS: Mapping[UpkeepState, frozenset[UpkeepState]] = {
    _State.RUNNING: frozenset(
        {
            _State.PAUSED,  # an operator wants it to stand still
            _State.INTERRUPTED,  # whoever watched it stopped it, or a store or the key ring does not answer
            _State.CANCELLED,  # an operator gives it up; what was done stays done
            _State.SUCCEEDED,  # everything was looked at, and nothing was found
            _State.FAILED,  # everything was looked at, and there are findings
        }
    ),
    _State.PAUSED: frozenset({_State.RUNNING, _State.CANCELLED}),  # an operator resumes it, or gives it up
    _State.INTERRUPTED: frozenset({_State.RUNNING, _State.CANCELLED}),  # an operator resumes it, or gives it up
    _State.CANCELLED: frozenset(),
    _State.SUCCEEDED: frozenset(),
    _State.FAILED: frozenset(),
}
UNFINISHED = (_State.RUNNING, _State.PAUSED, _State.INTERRUPTED)


class UpkeepRun(models.Model):
    """One pass over the vault. ``options`` are those of its kind (``documents/upkeep``); sizes there are in bytes.

    ``round`` counts the passes that it took so far: who rewraps looks again until nothing is left. ``total`` is how
    many objects there were to do when it was planned, the sum over all rounds. ``workers`` shares are worked on at a
    time. ``note`` says why a run stands still or failed.
    """

    class Kind(models.TextChoices):
        REWRAP = "rewrap", "rotation"
        RESEAL = "reseal", "sealing anew"
        VERIFY = "verify", "verification"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=12, choices=UpkeepState.choices, default=UpkeepState.RUNNING)
    options = models.JSONField(default=dict, blank=True)
    round = models.PositiveIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    workers = models.PositiveIntegerField(default=2)
    note = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField("begun", auto_now_add=True)
    finished_at = models.DateTimeField("ended", null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "rotation or verification"
        verbose_name_plural = "rotations and verifications"
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(state__in=UNFINISHED), name="upkeep_one_of_a_kind"
            ),
        ]
        permissions = [("operate_upkeeprun", "Can start, pause, resume and cancel rotation and verification")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} run {self.pk}"

    def move_to(self, state: UpkeepState, **changes: object) -> bool:
        """Enter ``state`` if the table of transitions allows it from where the row is now; False otherwise."""
        earlier = [one for one, following in TRANSITIONS.items() if state in following]
        moved = bool(UpkeepRun.objects.filter(pk=self.pk, state__in=earlier).update(state=state, **changes))
        self.refresh_from_db()
        return moved


class UpkeepShare(models.Model):
    """A part of a round that one worker does at a time, in the order of ids or of object keys.

    ``scope`` says what is gone through: ``attachment``, ``staged``, ``payload``, or ``files:`` and ``objects:`` with
    the name of a policy or a store. It has what lies behind ``position`` up to ``upper``, "" for the end. ``in_flight``
    are the ids, and the stores, of a batch whose rows were written and whose sidecars may not be yet. Who works on it
    has a token in ``lease`` until ``lease_until``; every write says that the token is still its own. ``seen`` and
    ``changed`` are objects, ``size`` the bytes that were read.
    """

    run = models.ForeignKey(UpkeepRun, on_delete=models.CASCADE, related_name="shares")
    round = models.PositiveIntegerField()
    scope = models.CharField(max_length=70)
    lower = models.CharField(max_length=40, blank=True)
    upper = models.CharField(max_length=40, blank=True)
    position = models.CharField(max_length=500, blank=True)
    in_flight = models.JSONField(default=list, blank=True)
    seen = models.PositiveBigIntegerField(default=0)
    changed = models.PositiveBigIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0)
    lease = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["run", "round", "id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "round", "scope", "lower"], name="upkeep_share_once"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} from {self.lower or 'the start'} of run {self.run_id}"


class UpkeepFinding(models.Model):
    """One thing that a run found wrong, or could not do. ``code`` is its class, ``detail`` says it in words.

    ``subject`` is the id of the attachment, staged attachment or payload, None for an object without a row. Never a
    name of a document.
    """

    run = models.ForeignKey(UpkeepRun, on_delete=models.CASCADE, related_name="findings")
    code = models.CharField("class", max_length=50)
    subject = models.UUIDField("ID of the attachment", null=True, blank=True)
    document_id = models.UUIDField("ID of the document", null=True, blank=True)
    storage_type = models.CharField("store", max_length=50)
    storage_path = models.CharField("object key", max_length=1024)
    detail = models.CharField(max_length=500, blank=True)
    found_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["run", "id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "code", "storage_type", "storage_path"], name="upkeep_finding_once"),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.storage_type}:{self.storage_path}"
