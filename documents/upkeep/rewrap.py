"""Rewrapping: every DEK under the recipients of the key ring as it is now, and no body touched.

For each batch: DEKs are unwrapped and wrapped anew; the rows get their new key blocks, each only if it still has the
old one, in the transaction that says so in the share; then each block is put beside its object as a sidecar and read
back. Who dies in between leaves the batch's ids in the share, and whoever takes it over puts the sidecars first. A
reader has the row's block, the sidecar's or the header's, each of them good as long as its KEK is in the ring.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import F, QuerySet

from documents.encryption.keyring import Kek, KeyRing
from documents.encryption.recipients import recipients_digest
from documents.errors import ConfigurationError, EncryptionError, KeyRingError, ObjectNotFound, StorageError
from documents.failpoints import failpoint
from documents.key_rings import key_ring
from documents.models import UpkeepFinding, UpkeepRun, Vault
from documents.services.actors import Actor
from documents.services.file_keys import keys_of_files, places_of_files, provider_of_files, rewrap_file
from documents.services.rewrapping import Rewrapped, Row, keep_beside, rewrapped
from documents.services.sidecars import keep_sidecar
from documents.upkeep.errors import Halt, code_of
from documents.upkeep.patience import await_all, patiently
from documents.upkeep.runs import begin_run
from documents.upkeep.sealed_rows import SCOPES, document_id_of, rows_behind, rows_of
from documents.upkeep.shares import Lease
from documents.wiring import storage_provider

log = structlog.get_logger(__name__)

BATCH = 64
# RSA lets go of the interpreter's lock, and so do stores: more threads than cores keep both at work.
THREADS = 4
MOST_ROUNDS = 10
# Scopes of sealed files of other apps: this and the name of a policy.
FILES = "files:"


def begin_rewrapping(actor: Actor, *, workers: int = 2) -> UpkeepRun:
    """Begin to rewrap whatever is not wrapped for exactly the recipients of the ring.

    Raises SealOnlyKeyRing where this process can unwrap nothing, RunRefused where another such run is not over.
    """
    ring = key_ring()
    ring.require_private_keys()
    digest = target_of(ring.recipients)
    options = {"recipients": digest, "primary": ring.primary.kek_id.hex()}
    # How many files there are nobody knows before they are listed.
    scopes = left_to_rewrap(digest) + [(f"{FILES}{policy}", 0) for policy in places_of_files()]
    return begin_run(UpkeepRun.Kind.REWRAP, scopes, actor, workers=workers, options=options)


def target_of(recipients: Iterable[Kek]) -> str:
    """Return what rows have in ``recipients`` once they are wrapped for these, the primary first."""
    return recipients_digest(kek.kek_id for kek in recipients)


def left_to_rewrap(digest: str, run: UpkeepRun | None = None) -> list[tuple[str, int]]:
    """Return how many rows of each table are wrapped for others, without those of which ``run`` says why."""
    return [(scope, _others(rows_of(scope), digest, run).count()) for scope in SCOPES]


class RewrapWork:
    """One worker's. The caller closes it."""

    def __init__(self, run: UpkeepRun) -> None:
        self._run, self._digest = run, str(run.options["recipients"])
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="rewrap")
        self._listings: dict[int, Iterator[str]] = {}

    def close(self) -> None:
        """End its threads."""
        self._pool.shutdown(cancel_futures=True)

    def scopes(self) -> list[tuple[str, int]]:
        """Return what the next round has to go through: uploads come in, and rows change, while a round is at work."""
        left = left_to_rewrap(self._digest, self._run)
        return left if self._run.round < MOST_ROUNDS and any(count for _scope, count in left) else []

    def step(self, lease: Lease) -> bool:
        """Do the next batch of a share. Returns False where nothing is left of it. Raises LeaseLost, Halt."""
        ring = self._ring()
        if lease.share.scope.startswith(FILES):
            return self._rewrap_files(lease, ring)
        if lease.share.in_flight:
            self._put_sidecars(lease, {})
        rows = list(_others(rows_behind(lease.share), self._digest)[:BATCH])
        if not rows:
            lease.finish()
            return False
        done, findings = self._rewrap(rows, ring, lease)
        self._write(lease, rows, done, findings)
        failpoint("rewrap.rows-written")
        self._put_sidecars(lease, {one.pk: one for one in done})
        failpoint("rewrap.sidecars-written")
        return True

    def _ring(self) -> KeyRing:
        ring = key_ring()
        if target_of(ring.recipients) != self._digest:
            raise Halt("The key ring has other recipients than when the run began. Cancel this run and begin another.")
        return ring

    def _rewrap(self, rows: Sequence[Row], ring: KeyRing, lease: Lease) -> tuple[list[Rewrapped], list[UpkeepFinding]]:
        done: list[Rewrapped] = []
        findings: list[UpkeepFinding] = []
        # A thread takes many rows at once: to hand over each by itself costs a tenth of an RSA operation.
        shares = [self._pool.submit(_rewrap_each, rows[first::THREADS], ring) for first in range(THREADS)]
        await_all(shares, lease.write)
        for row, outcome in chain.from_iterable(share.result() for share in shares):
            if isinstance(outcome, Rewrapped):
                done.append(outcome)
            elif isinstance(outcome, KeyRingError) or (isinstance(outcome, StorageError) and outcome.retryable):
                raise Halt(str(outcome)) from outcome
            else:
                findings.append(self._finding(row, outcome))
        return done, findings

    def _rewrap_files(self, lease: Lease, ring: KeyRing) -> bool:
        """The next files of a place. Who takes its listing over begins it again, and finds what was done done."""
        share, policy = lease.share, lease.share.scope.removeprefix(FILES)
        findings, changed, vault_id = [], 0, Vault.current_id()
        try:
            provider = provider_of_files(policy)
            keys = list(islice(self._listings.setdefault(share.pk, keys_of_files(policy)), BATCH))
            work = [(key, self._pool.submit(patiently, rewrap_file, provider, key, ring, vault_id)) for key in keys]
            await_all([future for _key, future in work], lease.write)
            for key, future in work:
                try:
                    changed += future.result()
                except (EncryptionError, ObjectNotFound) as error:
                    if isinstance(error, KeyRingError):
                        raise
                    findings.append(self._finding_at(provider.name, key, error))
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
        return UpkeepFinding(run=self._run, code=code, storage_type=store, storage_path=key, detail=detail)

    def _finding(self, row: Row, error: "Failure") -> UpkeepFinding:
        log.warning("not_rewrapped", run=self._run.pk, attachment_id=str(row.pk), code=error.code)
        return UpkeepFinding(
            run=self._run,
            code=code_of(error),
            subject=row.pk,
            document_id=document_id_of(row),
            storage_type=row.storage_type,
            storage_path=row.storage_path,
            detail=str(error)[:500],
        )

    def _write(
        self, lease: Lease, rows: Sequence[Row], done: Sequence[Rewrapped], findings: Iterable[UpkeepFinding]
    ) -> None:
        share = lease.share
        with transaction.atomic(durable=True):
            written = _switch(share.scope, done, self._digest)
            lease.note(
                findings,
                position=str(rows[-1].pk),
                in_flight=[str(pk) for pk in written],
                seen=share.seen + len(rows),
                changed=share.changed + len(written),
            )
            failpoint("rewrap.in-transaction")

    def _put_sidecars(self, lease: Lease, known: Mapping[UUID, Rewrapped]) -> None:
        """Put the blocks of the batch in flight beside their objects, each where its row says that it is.

        Those that are ``known`` are put at once, and their rows looked at once more afterwards, all together.
        """
        model, ids = SCOPES[lease.share.scope], [UUID(pk) for pk in lease.share.in_flight]
        mine = [known[pk] for pk in ids if pk in known]
        try:
            list(self._pool.map(_keep_each, [mine[first::THREADS] for first in range(THREADS)]))
            places = {one.pk: (one.storage_type, one.after) for one in mine}
            for pk, storage_type, block in _places(model, places):
                if places[pk] == (storage_type, bytes(block)):
                    del places[pk]
            for pk in (*places, *(pk for pk in ids if pk not in known)):
                keep_beside(model, pk, put_in=known[pk].storage_type if pk in known else None)
        except (StorageError, ConfigurationError) as error:
            raise Halt(f"{error} The rows have their new key blocks; some sidecars are still to be written.") from error
        lease.write(in_flight=[])


Failure = EncryptionError | StorageError | ConfigurationError


def _rewrap_each(rows: Sequence[Row], ring: KeyRing) -> list[tuple[Row, Rewrapped | Failure]]:
    """The outcome of each; where the keys fail, theirs is the last."""
    outcomes: list[tuple[Row, Rewrapped | Failure]] = []
    for row in rows:
        try:
            outcomes.append((row, patiently(rewrapped, row, ring)))
        except KeyRingError as error:
            return [*outcomes, (row, error)]
        except (EncryptionError, StorageError, ConfigurationError) as error:
            outcomes.append((row, error))
    return outcomes


def _keep_each(blocks: Sequence[Rewrapped]) -> None:
    for one in blocks:
        keep_sidecar(storage_provider(one.storage_type), one.pk, one.after)


def _places(model: type[Row], ids: Iterable[UUID]) -> "QuerySet[Any, Any]":
    return model._default_manager.filter(pk__in=list(ids)).values_list("pk", "storage_type", "key_block")


def _others(rows: "QuerySet[Any]", digest: str, run: UpkeepRun | None = None) -> "QuerySet[Any]":
    """Those that are wrapped for other KEKs. What was never sealed in this format has no context."""
    others = rows.exclude(recipients=digest).exclude(envelope_core=b"")
    return others.exclude(pk__in=run.findings.values("subject")) if run else others


def _switch(scope: str, done: Sequence[Rewrapped], digest: str) -> list[UUID]:
    """Give each row its new key block if it has the old one still; returns whose did. Inside a transaction.

    One prepared statement for the whole batch: an UPDATE through the ORM costs as much as the RSA operation. What
    changed meanwhile, or was deleted, is left to the next round.
    """
    if not done:
        return []
    model: Any = SCOPES[scope]
    binary = connection.Database.Binary  # type: ignore[attr-defined]  # the driver's module, as Django keeps it
    to_id = model._meta.pk.get_db_prep_value
    sql = (
        f"UPDATE {connection.ops.quote_name(model._meta.db_table)} "  # noqa: S608  # the name of a table of ours
        "SET key_block = %s, kek_id = %s, recipients = %s WHERE id = %s AND key_block = %s"
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            sql,
            [
                (binary(one.after), one.kek_id, digest, to_id(one.pk, connection), binary(one.before))
                for one in sorted(done, key=lambda one: one.pk)  # as whoever deletes several locks them
            ],
        )
        if cursor.rowcount == len(done):
            return [one.pk for one in done]
    now = dict(model._default_manager.filter(pk__in=[one.pk for one in done]).values_list("pk", "key_block"))
    return [one.pk for one in done if one.pk in now and bytes(now[one.pk]) == one.after]
