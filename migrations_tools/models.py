"""Runs, their items and their reports. Every figure that is shown is computed from these rows."""

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models

from documents.models import Attachment, Payload, StagedAttachment
from migrations_tools.states import ItemState, RunKind, RunState, SourceState, sources_of

# Whatever names a sealed object.
Row = Attachment | StagedAttachment | Payload


class MigrationRun(models.Model):
    """One move of sealed objects to ``destination``, the ``storage_type`` that rows have afterwards.

    ``owner``, ``since`` and ``max_items`` narrow what is moved; None is everything. ``threads`` items are in work at a
    time in each of ``workers`` tasks; ``bandwidth`` is in bytes a second over all of them, 0 without a limit.
    ``plan_position`` is where planning stands (``plan.py``); ``planned_at`` is set once every item has its row.
    ``already_there`` counts the rows that the destination had then. ``note`` says why a run stands still or failed.
    """

    kind = models.CharField(max_length=8, choices=RunKind.choices, default=RunKind.COPY)
    state = models.CharField(max_length=12, choices=RunState.choices, default=RunState.QUEUED)
    destination = models.CharField(max_length=50)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    since = models.DateTimeField(null=True, blank=True)
    max_items = models.PositiveBigIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    batch_size = models.PositiveIntegerField(default=100, validators=[MinValueValidator(1)])
    workers = models.PositiveIntegerField(default=2, validators=[MinValueValidator(1)])
    threads = models.PositiveIntegerField(default=8, validators=[MinValueValidator(1)])
    bandwidth = models.PositiveBigIntegerField(default=0)
    plan_position = models.JSONField(default=list, blank=True)
    planned_items = models.PositiveBigIntegerField(default=0)
    planned_at = models.DateTimeField(null=True, blank=True)
    already_there = models.PositiveBigIntegerField(default=0)
    note = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state"], name="run_state")]
        permissions = [("operate_migrationrun", "Can start, pause, resume and cancel storage migrations")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} run {self.pk} to {self.destination}"

    def move_to(self, state: RunState, **changes: object) -> bool:
        """Enter ``state`` if the table of transitions allows it from where the row is now; False otherwise."""
        rows = MigrationRun.objects.filter(pk=self.pk, state__in=sources_of(state))
        moved = bool(rows.update(state=state, **changes))
        self.refresh_from_db()
        return moved


class MigrationItem(models.Model):
    """One object of a run. ``object_id`` is the id of its attachment, staged attachment or payload.

    ``source_type`` and ``source_path`` say where the row's object was when it was planned, ``destination_path`` under
    which key it goes to the run's destination. ``size`` is in bytes and ``digest`` the SHA-256 in hex, of the sealed
    object. Who works on it has put its token into ``lease`` until ``lease_until``; before ``lease_until`` nobody else
    begins, also where there is no token: it waits to be tried again. ``holds_row`` keeps two runs from the same object.
    ``attempts`` counts the leases: from one on a copy may have been begun. ``refusals`` counts those that ended with an
    error that may pass. ``kept_item`` is, in a run that purges, the item whose source is purged; None once the run of
    that was removed.
    """

    run = models.ForeignKey(MigrationRun, on_delete=models.CASCADE, related_name="items")
    object_id = models.UUIDField()
    source_type = models.CharField(max_length=50)
    source_path = models.CharField(max_length=500)
    destination_path = models.CharField(max_length=500)
    size = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=ItemState.choices, default=ItemState.PENDING)
    code = models.CharField(max_length=50, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    refusals = models.PositiveIntegerField(default=0)
    lease = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    holds_row = models.BooleanField(default=False)
    source_state = models.CharField(max_length=9, choices=SourceState.choices, default=SourceState.NONE, blank=True)
    # Whoever deletes items says so before (``removing``): so Django need not load a million to look for others.
    kept_item = models.ForeignKey("self", null=True, blank=True, on_delete=models.DO_NOTHING, related_name="+")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["run", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "object_id", "source_type", "source_path", "destination_path"], name="item_once_in_a_run"
            ),
            models.UniqueConstraint(
                fields=["object_id"], condition=models.Q(holds_row=True), name="item_holds_its_row"
            ),
        ]
        indexes = [
            # With what figures.py adds up, so that a look at a run reads the index alone.
            models.Index(fields=["run", "state", "finished_at", "id", "size"], name="item_in_order"),
            models.Index(fields=["object_id"], name="item_object"),
            models.Index(fields=["lease"], condition=models.Q(lease__isnull=False), name="item_leased"),
            models.Index(
                fields=["id"], condition=models.Q(source_state__in=["kept", "purging"]), name="item_source_left"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.object_id} of run {self.run_id}"


class MigrationWorker(models.Model):
    """A place for one worker of a run. Whoever has its ``ticket`` may work; a silent one's is given to another."""

    run = models.ForeignKey(MigrationRun, on_delete=models.CASCADE, related_name="places")
    number = models.PositiveIntegerField()
    ticket = models.UUIDField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["run", "number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="worker_once_in_a_run")]

    def __str__(self) -> str:
        return f"worker {self.number} of run {self.run_id}"


class MigrationReport(models.Model):
    """The report of a run as it was when the run was over: JSON text as it was signed, and the signature in base64.

    ``elsewhere`` counts the objects that a run which copies had left in other stores then; None where nobody counted.
    ``successful``, ``failed``, ``skipped`` and ``pending`` count its items then, for lists of runs; None in reports of
    a version that did not keep them apart.
    """

    run = models.OneToOneField(MigrationRun, on_delete=models.CASCADE, related_name="report")
    body = models.TextField()
    elsewhere = models.PositiveBigIntegerField(null=True, blank=True)
    successful = models.PositiveBigIntegerField(null=True, blank=True)
    failed = models.PositiveBigIntegerField(null=True, blank=True)
    skipped = models.PositiveBigIntegerField(null=True, blank=True)
    pending = models.PositiveBigIntegerField(null=True, blank=True)
    signature = models.CharField(max_length=100, blank=True)
    signed_by = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"report of run {self.run_id}"
