"""Verifying: every object is read and compared with its row, and what no row needs is told. Nothing is changed."""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any
from uuid import UUID

import structlog

from documents.errors import ConfigurationError, KeyRingError, StorageError
from documents.key_rings import key_ring
from documents.models import Attachment, ObjectRemoval, Payload, StagedAttachment, UpkeepFinding, UpkeepRun, Vault
from documents.models.upkeep import UpkeepState
from documents.services import references
from documents.services.actors import Actor
from documents.services.keys import CHECK_PREFIX, EPOCH_PREFIX, TRASH_PREFIX, attachment_id_in
from documents.services.patience import RENEWED, patiently
from documents.services.rewrapping import Row
from documents.services.sidecars import attachment_id_of_sidecar, number_of_sidecar, sequence_in
from documents.services.verification import Looking, Problem, look_at
from documents.upkeep.errors import Halt
from documents.upkeep.listings import Listing
from documents.upkeep.runs import begin_run
from documents.upkeep.sealed_rows import SCOPES, finding_of, rows_behind, rows_of
from documents.upkeep.shares import Lease
from documents.upkeep.throttle import Stopped, Throttle
from documents.wiring import configured_providers, store_itself

log = structlog.get_logger(__name__)

BATCH, THREADS = 16, 4
LISTED = 500  # keys at a time
# A store that does not answer is asked so often for an object before the run stands still.
TRIES = 3
PAUSE = 1.0  # seconds after the first try, twice that after the second
# How the version of an id tells sealed files of other apps, whose ids are made of names (RFC 9562 §5.5), from ours.
_MADE_OF_A_NAME = 5
_OURS_BESIDES = (TRASH_PREFIX, EPOCH_PREFIX, CHECK_PREFIX)
_OBJECTS = "objects:"


def begin_verifying(
    actor: Actor,
    *,
    deep: bool = False,
    rate: int = 0,
    store: str | None = None,
    workers: int = 2,
    is_scrub: bool = False,
) -> UpkeepRun:
    """Begin to look at everything, or at what is in one store. ``rate`` is in bytes a second, 0 without a limit.

    One that ``is_scrub`` goes on by itself after it was interrupted.
    Raises SealOnlyKeyRing where ``deep`` is asked for and this process can open nothing, RunRefused where another such
    run is not over.
    """
    if deep:
        key_ring().require_private_keys()
    stores = [store] if store else [provider.name for provider in configured_providers()]
    scopes = [(scope, _of_store(rows_of(scope), store).count()) for scope in SCOPES]
    scopes += [(f"{_OBJECTS}{name}", 0) for name in stores]
    options = {"deep": deep, "rate": rate, "store": store or "", "is_scrub": is_scrub}
    return begin_run(UpkeepRun.Kind.VERIFY, scopes, actor, workers=workers, options=options)


class VerifyWork:
    """One worker's. The caller closes it."""

    def __init__(self, run: UpkeepRun) -> None:
        self._run, self._store = run, str(run.options["store"]) or None
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="verify")
        self._throttle = Throttle(run.options["rate"] / run.workers)
        self._listing = Listing()
        self._looking: Looking | None = None

    def close(self) -> None:
        """End its threads; what they have begun is thrown away."""
        self._throttle.stop()
        self._pool.shutdown(cancel_futures=True)

    def scopes(self) -> list[tuple[str, int]]:
        """One round is all."""
        return []

    def step(self, lease: Lease) -> bool:
        """Look at the next objects of a share. Returns False where nothing is left of it. Raises LeaseLost, Halt."""
        if lease.share.scope.startswith(_OBJECTS):
            return self._look_for_orphans(lease)
        rows = list(_of_store(rows_behind(lease.share), self._store)[:BATCH])
        if not rows:
            lease.finish()
            return False
        before = self._throttle.passed
        try:
            findings = self._look(rows, lease)
        except Stopped:
            return False
        share = lease.share
        size = share.size + self._throttle.passed - before
        lease.note(findings, position=str(rows[-1].pk), seen=share.seen + len(rows), size=size)
        return True

    def _look(self, rows: Sequence[Row], lease: Lease) -> list[UpkeepFinding]:
        looking = self._how()
        work = {self._pool.submit(_look_patiently, row, looking): row for row in rows}
        self._await(set(work), lease)
        found = []
        for future, row in work.items():
            try:
                problems = future.result()
            except KeyRingError as error:
                raise Halt(str(error)) from error
            if problems and (now := _again(row)) is not None:
                # It may have been moved, rewrapped or sealed anew while it was read.
                found += [self._finding(now, one) for one in _look_patiently(now, looking)]
        return found

    def _await(self, pending: set[Future[list[Problem]]], lease: Lease) -> None:
        """Wait for all, and say now and then that somebody is at it. Raises Stopped where the run is not to go on."""
        while pending:
            _done, pending = wait(pending, timeout=RENEWED)
            if pending:
                lease.write()
                self._run.refresh_from_db()
                if self._run.state != UpkeepState.RUNNING:
                    self._throttle.stop()
                    raise Stopped

    def _how(self) -> Looking:
        if self._looking is None:
            ring, deep = key_ring(), bool(self._run.options["deep"])
            # A process of public keys alone does not know what the others open with.
            kek_ids = ring.opens or frozenset(kek.kek_id for kek in (ring.primary, *ring.older))
            self._looking = Looking(Vault.current_id(), kek_ids, self._throttle.take, deep, ring if deep else None)
        return self._looking

    def _finding(self, row: Row, problem: Problem) -> UpkeepFinding:
        log.warning("finding", run=self._run.pk, code=problem.code, attachment_id=str(row.pk), key=row.storage_path)
        return finding_of(self._run, row, code=problem.code, detail=problem.detail)

    def _finding_at(self, store: str, key: str, code: str, detail: str) -> UpkeepFinding:
        subject = attachment_id_in(key) or attachment_id_of_sidecar(key)
        return UpkeepFinding(
            run=self._run, code=code, subject=subject, storage_type=store, storage_path=key, detail=detail
        )

    def _look_for_orphans(self, lease: Lease) -> bool:
        """The next keys of a store."""
        name = lease.share.scope.removeprefix(_OBJECTS)
        try:
            provider = store_itself(name)
            keys = self._listing.following(lease, provider, "", limit=LISTED)
            orphans = []
            for key in _orphans(keys):
                lease.renew()
                # What was deleted between the listing and the look at the rows is no orphan.
                if provider.exists(key):
                    orphans.append(key)
        except (StorageError, ConfigurationError) as error:
            raise Halt(str(error)) from error
        if not keys:
            lease.finish()
            return False
        findings = [self._finding_at(name, key, "orphan", "No row needs it.") for key in orphans]
        findings += [
            self._finding_at(name, key, "sidecar-stray", "The vault wrote none with so high a number.")
            for key in _strays(set(keys) - set(orphans))
        ]
        lease.note(findings, position=keys[-1])
        return True


def _strays(keys: Iterable[str]) -> list[str]:
    """Of these keys those of sidecars with a number above the one of their row's key block.

    The row has its block before the sidecar is there. Whoever has no database tries the highest first, and few.
    """
    beside = {key: owner for key in keys if (owner := attachment_id_of_sidecar(key))}
    highest: dict[UUID, int] = {}
    for model in (StagedAttachment, Attachment, Payload):
        rows = model._default_manager.filter(pk__in=list(beside.values())).values_list("pk", "key_block")
        highest |= {pk: sequence_in(bytes(block)) for pk, block in rows}
    return sorted(key for key, owner in beside.items() if owner in highest and number_of_sidecar(key) > highest[owner])


def _orphans(keys: Sequence[str]) -> list[str]:
    """Of these keys those that are the vault's own and that no row needs; foreign objects are nobody's business."""
    ours = [key for key in keys if not key.startswith(_OURS_BESIDES) and attachment_id_in(key)]
    needed = references.needed(ours)
    beside = {key: owner for key in keys if (owner := attachment_id_of_sidecar(key))}
    owned = {pk for model in (StagedAttachment, Attachment, Payload) for pk in _existing(model, "pk", beside.values())}
    owned |= set(_existing(ObjectRemoval, "attachment_id", beside.values()))  # on their way out
    strays = [key for key, owner in beside.items() if owner not in owned and owner.version != _MADE_OF_A_NAME]
    return [key for key in ours if key not in needed] + strays


def _existing(model: Any, column: str, ids: Any) -> Any:
    return model._default_manager.filter(**{f"{column}__in": list(ids)}).values_list(column, flat=True)


def _of_store(rows: Any, store: str | None) -> Any:
    return rows.filter(storage_type=store) if store else rows


def _again(row: Row) -> Row | None:
    """The row as it is now, None where it is no more. Confirming makes an attachment of a staged one."""
    for model in dict.fromkeys((type(row), Attachment)):
        if found := model._default_manager.filter(pk=row.pk).first():
            return found
    return None


def _look_patiently(row: Row, looking: Looking) -> list[Problem]:
    """Look at an object; a store that does not answer is asked again. Raises Halt, KeyRingError, Stopped."""
    for attempt in range(1, TRIES + 1):
        try:
            return patiently(look_at, row, store_itself(row.storage_type), looking)
        except StorageError as error:
            if not error.retryable:
                return [Problem(error.code, str(error)[:500])]
            if attempt == TRIES:
                raise Halt(str(error)) from error
            time.sleep(PAUSE * attempt)
        except ConfigurationError as error:
            raise Halt(str(error)) from error
    raise AssertionError("unreachable")
