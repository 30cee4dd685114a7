"""A vault with its two stores, its database, the earlier states of that database, and what must never be lost in it.

Operations go through the services. Snapshots are rows; restoring one replaces every row. The stores are never restored.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest

from documents.errors import VaultError
from documents.failpoints import FailpointReached
from documents.models import Document, Payload, StagedAttachment, Vault
from documents.services import payload_holders, references
from documents.services.actors import Actor
from documents.services.collection import Wish, collect
from documents.services.deletion import sweep_removals
from documents.services.epochs import accept_database, check_current
from documents.services.keys import attachment_id_in
from documents.services.payload_sweeping import sweep_payloads
from documents.services.payload_values import references_in
from documents.services.staging import sweep_uploads
from tests.documents.collecting import DAY, ClockedStore, keys_of, let_pass
from tests.documents.collecting_databases import Snapshot, named_now, replace_rows
from tests.documents.collecting_people import People
from tests.documents.overlapping import ARCHIVE, BUCKET, INSIDE

OPERATOR = Actor(None, "command")


@dataclass
class World(People):
    """``newest`` is the newest database while an older one is in use, None while it is in use itself.

    ``trusted``: the stores over which the older one may go to work: an operator accepted it, or its epoch is the
    store's, and nothing tells. What runs out in a database that may end it counts as given up. Whoever makes a world
    calls ``end``.
    """

    newest: Snapshot | None = None
    trusted: set[str] = field(default_factory=set)
    older_since: timedelta = timedelta()
    snapshots: list[Snapshot] = field(default_factory=list)
    backup_during_upload: bool = False
    _trash_then: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.stores.bucket._objects.clear()
        replace_rows({})
        Vault.current_id()
        self.end()
        references.register("world", lambda keys: {key for key in keys if attachment_id_in(key) in self.held})
        payload_holders.register_holder("world", self._claimed)

    @staticmethod
    def end() -> None:
        references.unregister("world")
        payload_holders._holders.pop("world", None)

    # --- What tasks do

    def sweep(self) -> None:
        waiting = self._waiting()
        try:
            sweep_uploads()
            sweep_payloads()
            sweep_removals()
        finally:
            # An older database that is not trusted has no right to end anything.
            for storage_type, key in waiting - self._waiting():
                if not self.newest or storage_type in self.trusted:
                    self.given_up.add(self.stores.place(storage_type, key))

    def collect(self) -> None:
        reports = collect(Wish())
        if not any(report.error for report in reports):
            for place in self.places_now() - self.given_up:
                assert self.stores.digest_at(place), f"{place} is needed, was moved and did not come back"

    def collect_bucket(self) -> None:
        collect(Wish(storage_type=BUCKET))

    def collect_archive(self) -> None:
        collect(Wish(storage_type=ARCHIVE))

    def wait(self, by: timedelta) -> None:
        self.passed += by
        let_pass(by, self.stores.bucket)

    # --- What operators do

    def snapshot(self) -> None:
        if self.newest is None:
            self.snapshots.append(Snapshot.taken(self.app, self.passed))

    def upload_during_a_backup(self) -> None:
        """To the backup it is an upload that never ended."""
        self.backup_during_upload = True
        self.upload()
        self.confirm()

    def in_the_middle_of_an_upload(self) -> None:
        if self.backup_during_upload:
            self.backup_during_upload = False
            self.snapshot()

    def restore_older(self, number: int) -> None:
        if not self.snapshots:
            return
        self.newest = self.newest or Snapshot.taken(self.app, self.passed)
        self._put(self.snapshots[number % len(self.snapshots)])
        self.older_since = self.passed
        self.trusted = {store.name for store in self.stores.both if self._seems_current(store)}

    def put_newest_back(self) -> None:
        if self.newest:
            self._put(self.newest)
            self.newest = None

    def accept(self) -> None:
        for store in self.stores.both:
            self._accept(store)

    def accept_archive(self) -> None:
        self._accept(self.stores.archive)

    def run_until_a_crash(self, monkeypatch: pytest.MonkeyPatch, failpoint: str, name: str) -> None:
        with monkeypatch.context() as armed, suppress(FailpointReached):
            armed.setenv("VAULT_FAILPOINT", f"{failpoint}:raise")
            getattr(self, name)()

    # --- What must hold after every step

    def check(self) -> None:
        for storage_type, key, digest in named_now():
            self._assert_kept(self.stores.place(storage_type, key), digest, in_place=False)
        self._check_payloads()
        for place in self.held.values():
            assert self.stores.digest_at(place), f"{place} is held and was moved"
        if self.newest:
            soon = self.passed - self.older_since < DAY
            for storage_type, key, digest in self.newest.named():
                place = self.stores.place(storage_type, key)
                in_place = soon or not self.stores.listed_by(place) & self.trusted
                self._assert_kept(place, digest, in_place=in_place)

    def _check_payloads(self) -> None:
        """The rows of those that documents refer to, and of those that the app has or was promised."""
        rows = dict(Payload.objects.order_by().values_list("pk", "document"))
        for payload_id in self.app.promised(self.passed):
            assert payload_id in rows, f"payload {payload_id} was promised and is lost"
        for document_id, attributes in Document.objects.order_by().values_list("pk", "attributes"):
            for reference in references_in(attributes):
                assert rows.get(UUID(reference["id"])) == document_id, (
                    f"payload {reference['id']} of an attribute is lost"
                )

    def _assert_kept(self, place: str, digest: str, *, in_place: bool) -> None:
        if place in self.given_up:
            return
        trashed = self.stores.trashed(place)
        found = {one: there for one in (place, *trashed) if (there := self.stores.digest_at(one))}
        assert found, f"{place} is lost"
        # Another pass may have found it missing in an older database, and the newest is not asked yet.
        was_in_the_trash = self._trash_then.intersection(trashed)
        assert place in found or not in_place or was_in_the_trash, f"{place} was moved while it is needed"
        assert set(found.values()) == {digest}, f"{place} is another object in one of {list(found)}"

    # --- How it is done

    def _claimed(self, ids: Collection[UUID]) -> set[UUID]:
        return self.app.claimed.keys() & set(ids)

    def _waiting(self) -> set[tuple[str, str]]:
        """What may run out: storage types and keys."""
        staged = StagedAttachment.objects.exclude(state=StagedAttachment.State.DISCARDED)
        payloads = Payload.objects.filter(document=None)
        return {named for rows in (staged, payloads) for named in rows.values_list("storage_type", "storage_path")}

    def _accept(self, store: ClockedStore) -> None:
        self.trusted.add(store.name)
        accept_database(store, OPERATOR)

    def _seems_current(self, store: ClockedStore) -> bool:
        with suppress(VaultError):
            check_current(store)
            return True
        return False

    def _put(self, snapshot: Snapshot) -> None:
        self._trash_then = {*keys_of(self.stores.bucket, "trash/"), *keys_of(self.stores.bucket, f"{INSIDE}trash/")}
        replace_rows(snapshot.rows)
        self.app = snapshot.app.copy()
        aged = ClockedStore()  # rows alone: the stores have aged with the world
        let_pass(self.passed - snapshot.taken_at, aged)
