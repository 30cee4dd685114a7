"""Rewrapping: every DEK under the recipients of the key ring as it is now, and no body touched.

For each batch: DEKs are unwrapped and wrapped anew; the rows get their new key blocks, each only if it still has the
old one, in the transaction that says so in the share; then each block is put beside its object as a sidecar and read
back. Who dies in between leaves the batch's ids in the share, and whoever takes it over puts the sidecars first. A
reader has the row's block, the sidecar's or the header's, each of them good as long as its KEK is in the ring.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, QuerySet

from documents.encryption.keyring import Kek, KeyRing
from documents.errors import (
    ConfigurationError,
    EncryptionError,
    KekRefused,
    KeyRingError,
    PolicyNotFound,
    StorageError,
)
from documents.failpoints import failpoint
from documents.key_rings import key_ring
from documents.models import UpkeepFinding, UpkeepRun, UpkeepShare, Vault
from documents.models.upkeep import UpkeepState
from documents.services.actors import SYSTEM, Actor
from documents.services.file_keys import places_of_files, prefix_of_files, provider_of_files, rewrap_file
from documents.services.kek_life import note_sealing
from documents.services.patience import await_all, patiently
from documents.services.rewrapping import Rewrapped, Row
from documents.services.sealing_keks import is_outdated, target_of
from documents.upkeep.errors import Halt, StandsAside, code_of
from documents.upkeep.listings import Listing
from documents.upkeep.rewrap_rows import THREADS, Failure, put_beside, rewrap_each, switch
from documents.upkeep.runs import begin_run
from documents.upkeep.sealed_rows import SCOPES, finding_of, rows_behind, rows_of
from documents.upkeep.shares import Lease, LeaseLost

log = structlog.get_logger(__name__)

BATCH = 256
MOST_ROUNDS = 10
# Scopes of sealed files of other apps: this and the name of a policy.
FILES = "files:"


def begin_rewrapping(
    actor: Actor, recipients: Sequence[Kek] | None = None, *, workers: int = 2, repair: bool = False
) -> UpkeepRun:
    """Begin to rewrap whatever is not wrapped for exactly the recipients of the ring.

    With ``recipients`` it is for these, which the ring is to have once the run exists; it stands still till then, and
    ``runs.resume`` lets it go.
    With ``repair`` every row is looked at: a key block that cannot be read is made anew from the object's own, and a
    sidecar that is missing is put back. Raises SealOnlyKeyRing where this process can unwrap nothing, RunRefused where
    another such run is not over.
    """
    ring = key_ring()
    ring.require_private_keys()
    wanted = recipients or ring.recipients
    digest = target_of(wanted)
    seal = [kek.kek_id.hex() for kek in wanted]
    options = {"recipients": digest, "primary": seal[0], "seal": seal, "repair": repair}
    left = [(scope, _sealed(rows_of(scope)).count()) for scope in SCOPES] if repair else left_to_rewrap(digest)
    # How many files there are nobody knows before they are listed.
    scopes = left + [(f"{FILES}{policy}", 0) for policy in places_of_files()]
    state = UpkeepState.INTERRUPTED if recipients else UpkeepState.RUNNING
    run = begin_run(UpkeepRun.Kind.REWRAP, scopes, actor, workers=workers, options=options, state=state)
    _take_over_from_cancelled(run)
    return run


def left_to_rewrap(digest: str, run: UpkeepRun | None = None) -> list[tuple[str, int]]:
    """Return how many rows of each table are wrapped for others, without those of which ``run`` says why."""
    return [(scope, _others(rows_of(scope), digest, run).count()) for scope in SCOPES]


class RewrapWork:
    """One worker's. The caller closes it."""

    def __init__(self, run: UpkeepRun) -> None:
        self._run, self._digest = run, str(run.options["recipients"])
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="rewrap")
        self._listing = Listing()
        self._noted = False

    def close(self) -> None:
        """End its threads."""
        self._pool.shutdown(cancel_futures=True)

    def scopes(self) -> list[tuple[str, int]]:
        """Return what the next round has to go through: uploads come in, and rows change, while a round is at work.

        Raises Halt where rounds do not come to an end.
        """
        left = left_to_rewrap(self._digest, self._run)
        if not any(count for _scope, count in left):
            return []
        if self._run.round >= MOST_ROUNDS:
            raise Halt(
                "After ten rounds there is more to rewrap: some process seals with an older key ring. Find it, give "
                "this run up with --cancel, and begin another."
            )
        return left

    def step(self, lease: Lease) -> bool:
        """Do the next batch of a share. Returns False where nothing is left of it. Raises LeaseLost, Halt."""
        ring = self._ring()
        if lease.share.scope.startswith(FILES):
            return self._rewrap_files(lease, ring)
        if lease.share.in_flight:
            self._put_sidecars(lease, [], ring)
        rows = self._next_rows(lease.share)
        if not rows:
            lease.finish()
            return False
        done, findings = self._rewrap(rows, ring, lease)
        self._write(lease, rows, done, findings)
        failpoint("rewrap.rows-written")
        self._put_sidecars(lease, done, ring)
        failpoint("rewrap.sidecars-written")
        if len(rows) < BATCH:
            lease.finish()
            return False
        return True

    def _ring(self) -> KeyRing:
        ring = key_ring()
        if target_of(ring.recipients) != self._digest:
            if is_outdated(ring):
                raise StandsAside(
                    "The key files of a process are older than the vault's (ring.json, or its settings): it rewraps "
                    "nothing. Put the present ones there."
                )
            raise Halt(
                "The key ring has other recipients than this run is for. Go on by rotate_keys --resume, which has "
                "them seal, or give it up with --cancel and begin another."
            )
        if not self._noted:
            # Whoever began the run may have died before.
            try:
                note_sealing(ring.primary, ring.recovery, SYSTEM, run=self._run)
            except KekRefused as refused:
                raise LeaseLost from refused
            self._noted = True
        return ring

    def _next_rows(self, share: UpkeepShare) -> list[Row]:
        behind = rows_behind(share)
        repairs = self._run.options.get("repair") and share.round == 1
        return list((_sealed(behind) if repairs else _others(behind, self._digest))[:BATCH])

    def _rewrap(self, rows: Sequence[Row], ring: KeyRing, lease: Lease) -> tuple[list[Rewrapped], list[UpkeepFinding]]:
        done: list[Rewrapped] = []
        findings: list[UpkeepFinding] = []
        # A thread takes many rows at once: to hand over each by itself costs a tenth of an RSA operation.
        shares = [self._pool.submit(rewrap_each, rows[first::THREADS], ring) for first in range(THREADS)]
        await_all(shares, lease.write)
        for row, outcome in chain.from_iterable(share.result() for share in shares):
            if isinstance(outcome, Rewrapped):
                done.append(outcome)
            elif isinstance(outcome, KeyRingError) or (isinstance(outcome, StorageError) and outcome.retryable):
                raise Halt(str(outcome)) from outcome
            else:
                findings.append(self._finding(row, outcome))
        return done, findings

    def _write(
        self, lease: Lease, rows: Sequence[Row], done: Sequence[Rewrapped], findings: Iterable[UpkeepFinding]
    ) -> None:
        share = lease.share
        with transaction.atomic(durable=True):
            written = set(switch(share.scope, done, self._digest))
            beside = [one for one in done if one.pk in written]
            lease.note(
                findings,
                position=str(rows[-1].pk),
                in_flight=[[str(one.pk), one.storage_type] for one in beside],
                seen=share.seen + len(rows),
                changed=share.changed + sum(one.before != one.after for one in beside),
            )
            failpoint("rewrap.in-transaction")

    def _put_sidecars(self, lease: Lease, known: Sequence[Rewrapped], ring: KeyRing) -> None:
        """Put the blocks of the batch in flight beside their objects. One that cannot be is a finding of its object."""
        share = lease.share
        try:
            beside = put_beside(lease, {one.pk: one for one in known}, ring, self._pool)
        except (KeyRingError, StorageError, ConfigurationError) as error:
            raise Halt(f"{error} The rows have their new key blocks; some sidecars are still to be written.") from error
        rows = SCOPES[share.scope]._default_manager.filter(pk__in=beside.failed)
        # Of a row that stays as it is, the sidecar is what changed.
        repaired = sum(one.before == one.after and one.pk in beside.put for one in known)
        findings = [self._finding(row, beside.failed[row.pk]) for row in rows]
        lease.note(findings, in_flight=[], changed=share.changed + repaired)

    def _rewrap_files(self, lease: Lease, ring: KeyRing) -> bool:
        """The next files of a place."""
        share, policy = lease.share, lease.share.scope.removeprefix(FILES)
        findings, changed, vault_id = [], 0, Vault.current_id()
        try:
            provider = provider_of_files(policy)
            keys = self._listing.following(lease, provider, prefix_of_files(policy), limit=BATCH)
            work = [(key, self._pool.submit(patiently, rewrap_file, provider, key, ring, vault_id)) for key in keys]
            await_all([future for _key, future in work], lease.write)
            for key, future in work:
                try:
                    changed += future.result()
                except (EncryptionError, StorageError) as error:
                    if isinstance(error, KeyRingError) or (isinstance(error, StorageError) and error.retryable):
                        raise
                    findings.append(self._finding_at(provider.name, key, error))
        except PolicyNotFound as error:
            raise Halt(
                f"{error} It was there when this run began, and where its files are nobody can say now. Put it back "
                "and go on by rotate_keys --resume, or give the run up with --cancel and begin another."
            ) from error
        except (KeyRingError, StorageError, ConfigurationError) as error:
            raise Halt(str(error)) from error
        if not keys:
            lease.finish()
            return False
        with transaction.atomic(durable=True):
            lease.note(findings, position=keys[-1], seen=share.seen + len(keys), changed=share.changed + changed)
            UpkeepRun.objects.filter(pk=self._run.pk).update(total=F("total") + len(keys))
        return True

    def _finding_at(self, store: str, key: str, error: EncryptionError | StorageError) -> UpkeepFinding:
        code, detail = code_of(error), str(error)[:500]
        return UpkeepFinding(run=self._run, code=code, storage_type=store, storage_path=key[:1024], detail=detail)

    def _finding(self, row: Row, error: Failure) -> UpkeepFinding:
        log.warning("not_rewrapped", run=self._run.pk, attachment_id=str(row.pk), code=error.code)
        return finding_of(self._run, row, code=code_of(error), detail=str(error))


def _take_over_from_cancelled(run: UpkeepRun) -> None:
    """What a run that was given up had in flight is put beside its objects by this one, before anything else."""
    for share in UpkeepShare.objects.filter(run__kind=run.kind, run__state=UpkeepState.CANCELLED).exclude(in_flight=[]):
        with transaction.atomic():
            mine = run.shares.select_for_update(of=("self",)).filter(scope=share.scope).first()
            if mine is not None:
                UpkeepShare.objects.filter(pk=mine.pk).update(in_flight=mine.in_flight + share.in_flight, done_at=None)
                UpkeepShare.objects.filter(pk=share.pk).update(in_flight=[])


def _sealed(rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """Those in this format: what was never sealed in it has no context."""
    return rows.exclude(envelope_core=b"")


def _others(rows: "QuerySet[Any]", digest: str, run: UpkeepRun | None = None) -> "QuerySet[Any]":
    """Those that are wrapped for other KEKs, without those of which ``run`` says why they still are."""
    others = _sealed(rows).exclude(recipients=digest)
    return others.exclude(pk__in=run.findings.filter(subject__isnull=False).values("subject")) if run else others
