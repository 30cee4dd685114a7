"""A vault with its store, its database, the earlier states of that database, and what must never be lost in it.

Operations go through the services. Snapshots are rows; restoring one replaces every row. The store is never restored.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Model

from documents.errors import VaultError
from documents.failpoints import FailpointReached
from documents.models import (
    Attachment,
    AuditEvent,
    CollectedStore,
    Document,
    ObjectRemoval,
    Sighting,
    StagedAttachment,
    Vault,
)
from documents.services import references
from documents.services.actors import Actor
from documents.services.deletion import delete_document, sweep_removals
from documents.services.epochs import accept_database, check_current
from documents.services.keys import trash_key
from documents.services.staging import confirm_upload, discard_upload, sweep_uploads
from documents.services.uploads import begin_upload
from tests.documents.collecting import DAY, ORPHAN, ClockedStore, collected, keys_of, let_pass, orphan_key

TABLES: tuple[type[Model], ...] = (
    *(Vault, Document, Attachment, StagedAttachment, ObjectRemoval, AuditEvent, Sighting, CollectedStore),
)
STAGED = StagedAttachment.State.STAGED


@dataclass
class Snapshot:
    rows: dict[type[Model], list[dict[str, Any]]]
    taken_at: timedelta


@dataclass
class World:
    """``newest`` is the newest database while an older one is in use, None while it is in use itself.

    ``trusted``: the older one may go to work: an operator accepted it, or its epoch is the store's, and nothing tells.
    ``given_up``: keys of what a person deleted, and of uploads that ran out in a database that may end them: an earlier
    state of the database may still have their rows.
    """

    store: ClockedStore
    owner: User
    passed: timedelta = timedelta()
    orphans: int = 0
    newest: Snapshot | None = None
    trusted: bool = False
    older_since: timedelta = timedelta()
    snapshots: list[Snapshot] = field(default_factory=list)
    given_up: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for key in keys_of(self.store, ""):
            self.store.delete(key)
        self._replace_rows({})
        Vault.current_id()
        references.register("world", lambda keys: self.held & set(keys))

    @property
    def actor(self) -> Actor:
        return Actor(self.owner, "web")

    # --- What people and tasks do

    def upload(self) -> None:
        with begin_upload(owner=self.owner, filename="a", content_type="", actor=self.actor) as upload:
            upload.write(b"abc")
            upload.finish()

    def begin_and_die(self) -> None:
        """The process is gone: its object may be stored, its row is not staged."""
        upload = begin_upload(owner=self.owner, filename="a", content_type="", actor=self.actor)
        self.store.put_bytes(upload.staged.storage_path, b"sealed")

    def confirm(self) -> None:
        if staged := StagedAttachment.objects.filter(state=STAGED).order_by("pk").first():
            with suppress(VaultError):
                confirm_upload(staged.pk, owner=self.owner, actor=self.actor)

    def discard(self) -> None:
        if staged := StagedAttachment.objects.filter(state=STAGED).order_by("pk").last():
            self.given_up.add(staged.storage_path)
            discard_upload(staged.pk, owner=self.owner, actor=self.actor)

    def delete(self) -> None:
        if attachment := Attachment.objects.order_by("pk").first():
            self.given_up.add(attachment.storage_path)
            delete_document(attachment.document_id, owner=self.owner, actor=self.actor)

    def orphan(self) -> None:
        """What a crash of long ago left, or a database that was never put back."""
        self.orphans += 1
        self.store.put_bytes(orphan_key(self.orphans), b"left over")

    def hold(self) -> None:
        """Another app needs an object that nobody needed before."""
        seen = Sighting.objects.filter(state=Sighting.State.SEEN, storage_path__endswith=ORPHAN[-20:]).first()
        if seen and self.store.exists(seen.storage_path):
            self.held.add(seen.storage_path)

    def sweep(self) -> None:
        waiting = self._waiting()
        try:
            sweep_uploads()
            sweep_removals()
        finally:
            # An older database that is not trusted has no right to end anything.
            if not self.newest or self.trusted:
                self.given_up |= waiting - self._waiting()

    def collect(self) -> None:
        report = collected()
        if not report.error:
            for key in {a.storage_path for a in Attachment.objects.all()} - self.given_up:
                assert self.store.exists(key), f"{key} is needed and did not come back"

    def wait(self, by: timedelta) -> None:
        self.passed += by
        let_pass(by, self.store)

    # --- What operators do

    def snapshot(self) -> None:
        if self.newest is None:
            self.snapshots.append(self._taken())

    def restore_older(self, number: int) -> None:
        if not self.snapshots:
            return
        self.newest = self.newest or self._taken()
        self._put(self.snapshots[number % len(self.snapshots)])
        self.older_since, self.trusted = self.passed, self._seems_current()

    def put_newest_back(self) -> None:
        if self.newest:
            self._put(self.newest)
            self.newest = None

    def accept(self) -> None:
        self.trusted = True
        accept_database(self.store, Actor(None, "command"))

    def run_until_a_crash(self, monkeypatch: pytest.MonkeyPatch, failpoint: str, name: str) -> None:
        with monkeypatch.context() as armed, suppress(FailpointReached):
            armed.setenv("VAULT_FAILPOINT", f"{failpoint}:raise")
            getattr(self, name)()

    # --- What must hold after every step

    def check(self) -> None:
        for table in (Attachment.objects.all(), StagedAttachment.objects.filter(state=STAGED)):
            for key, digest in table.values_list("storage_path", "digest"):
                self._assert_kept(key, digest, in_place=False)
        for key in self.held:
            assert self.store.exists(key), f"{key} is held and was moved"
        if self.newest:
            soon = self.passed - self.older_since < DAY
            for row in self.newest.rows[Attachment]:
                self._assert_kept(row["storage_path"], row["digest"], in_place=soon or not self.trusted)

    def _assert_kept(self, key: str, digest: str, *, in_place: bool) -> None:
        if key in self.given_up:
            return
        places = [place for place in (key, trash_key(key)) if self.store.exists(place)]
        assert places, f"{key} is lost"
        # Another pass may have found it missing in an older database, and the newest is not asked yet.
        assert key in places or not in_place or self._was_in_the_trash(key), f"{key} was moved while it is needed"
        for place in places:
            assert hashlib.sha256(self.store.get(place)).hexdigest() == digest, f"{place} is another object"

    def _was_in_the_trash(self, key: str) -> bool:
        """Before this older database came into use."""
        return self.store.head(trash_key(key)).key in self._trash_then

    # --- How it is done

    def _waiting(self) -> set[str]:
        rows = StagedAttachment.objects.exclude(state=StagedAttachment.State.DISCARDED)
        return set(rows.values_list("storage_path", flat=True))

    def _seems_current(self) -> bool:
        with suppress(VaultError):
            check_current(self.store)
            return True
        return False

    def _taken(self) -> Snapshot:
        return Snapshot({model: list(model._default_manager.order_by("pk").values()) for model in TABLES}, self.passed)

    def _put(self, snapshot: Snapshot) -> None:
        self._trash_then = set(keys_of(self.store, "trash/"))
        self._replace_rows(snapshot.rows)
        aged = ClockedStore()  # rows alone: the store has aged with the world
        let_pass(self.passed - snapshot.taken_at, aged)

    def _replace_rows(self, rows: dict[type[Model], list[dict[str, Any]]]) -> None:
        for model in reversed(TABLES):
            model._default_manager.all().delete()
        for model in TABLES:
            model._default_manager.bulk_create(model(**row) for row in rows.get(model, []))
