"""What people and apps do in the world of the model test. Everything goes through the services."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import User

from documents.errors import VaultError
from documents.models import Attachment, Document, Payload, Sighting, StagedAttachment
from documents.services.actors import Actor
from documents.services.attributes import set_attributes
from documents.services.deletion import delete_document
from documents.services.keys import attachment_id_in
from documents.services.payload_values import PAYLOAD
from documents.services.payloads import dehydrate, release
from documents.services.staging import confirm_upload, discard_upload
from documents.services.uploads import begin_upload
from documents.storage.policies import DEFAULT
from tests.documents.collecting import ORPHAN, orphan_key
from tests.documents.collecting_databases import STAGED, AppRows, named_now
from tests.documents.overlapping import ARCHIVED, BELOW, Stores

APP = "reports"
# Above VAULT_PAYLOAD_INLINE_LIMIT, in bytes.
LARGE = 1100


@dataclass
class People:
    """``given_up``: places of what somebody gave up: an earlier state of the database may still have the rows.

    ``held``: ids of left-over objects that another app needs by now. ``app``: the rows of an app that keeps payloads.
    """

    stores: Stores
    owner: User
    passed: timedelta = timedelta()
    orphans: int = 0
    notes: int = 0
    given_up: set[str] = field(default_factory=set)
    held: dict[UUID, str] = field(default_factory=dict)
    app: AppRows = field(default_factory=AppRows)

    @property
    def actor(self) -> Actor:
        return Actor(self.owner, "web")

    # --- Documents

    def upload(self, policy: str = DEFAULT) -> None:
        upload = begin_upload(owner=self.owner, filename="a", content_type="", actor=self.actor, policy=policy)
        with upload:
            upload.write(b"abc")
            self.in_the_middle_of_an_upload()
            upload.finish()

    def upload_to_the_archive(self) -> None:
        self.upload(ARCHIVED)

    def upload_below(self) -> None:
        """To the bucket, among the objects of the archive."""
        self.upload(BELOW)

    def in_the_middle_of_an_upload(self) -> None:
        """Nothing happens, if nobody says otherwise."""

    def begin_and_die(self, policy: str = DEFAULT) -> None:
        """The process is gone: its object may be stored, its row is not staged."""
        upload = begin_upload(owner=self.owner, filename="a", content_type="", actor=self.actor, policy=policy)
        staged = upload.staged
        self.stores.bucket.put_bytes(self.stores.place(staged.storage_type, staged.storage_path), b"sealed")

    def begin_in_the_archive_and_die(self) -> None:
        self.begin_and_die(ARCHIVED)

    def confirm(self) -> None:
        if staged := StagedAttachment.objects.filter(state=STAGED).order_by("pk").first():
            with suppress(VaultError):
                confirm_upload(staged.pk, owner=self.owner, actor=self.actor)

    def discard(self) -> None:
        if staged := StagedAttachment.objects.filter(state=STAGED).order_by("pk").last():
            with self._giving_up():
                discard_upload(staged.pk, owner=self.owner, actor=self.actor)

    def delete(self) -> None:
        if attachment := Attachment.objects.order_by("pk").first():
            with self._giving_up():
                delete_document(attachment.document_id, owner=self.owner, actor=self.actor)

    # --- Attributes

    def annotate(self) -> None:
        """One of the values is small, two are payloads; earlier ones are replaced."""
        self.notes += 1
        self._set_attributes({"small": self.notes, "a": f"{self.notes} " * LARGE, "b": ["x" * LARGE, self.notes]})

    def clear_attributes(self) -> None:
        self._set_attributes({})

    def _set_attributes(self, attributes: dict[str, object]) -> None:
        if document := Document.objects.order_by("pk").first():
            with self._giving_up():
                set_attributes(document.pk, attributes, owner=self.owner, actor=self.actor)

    # --- Another app, with payloads of its own

    def dehydrate(self) -> None:
        """The small value is sent to a task of the app, which will make a row of it."""
        value = dehydrate({"body": "x" * LARGE}, attribution=APP, owner=self.owner)
        self.app.sent[UUID(value["body"][PAYLOAD]["id"])] = value, self.passed

    def claim(self) -> None:
        """The task comes to the value, in time or too late."""
        if self.app.sent:
            payload_id = next(iter(self.app.sent))
            value, _ = self.app.sent.pop(payload_id)
            if Payload.objects.filter(pk=payload_id).exists():
                self.app.claimed[payload_id] = value

    def let_go(self) -> None:
        """The row of the app is gone."""
        if self.app.claimed:
            del self.app.claimed[next(iter(self.app.claimed))]

    def release(self) -> None:
        """It is gone, and the app says so."""
        if self.app.claimed:
            value = self.app.claimed.pop(next(iter(self.app.claimed)))
            with self._giving_up():
                release(value, attribution=APP, owner=self.owner)

    # --- Objects without rows

    def orphan(self) -> None:
        """What a crash of long ago left, or a database that was never put back."""
        self.orphans += 1
        self.stores.both[self.orphans % 2].put_bytes(orphan_key(self.orphans), b"left over")

    def hold(self) -> None:
        """Another app needs an object that nobody needed before."""
        for seen in Sighting.objects.filter(state=Sighting.State.SEEN, storage_path__endswith=ORPHAN[-20:])[:1]:
            place = self.stores.place(seen.storage_type, seen.storage_path)
            if (object_id := attachment_id_in(place)) and self.stores.bucket.exists(place):
                self.held[object_id] = place

    # --- How it is told

    def places_now(self) -> set[str]:
        """The places of all objects of documents, payloads and staged uploads."""
        return {self.stores.place(storage_type, key) for storage_type, key, _ in named_now()}

    @contextmanager
    def _giving_up(self) -> Iterator[None]:
        """What has no row afterwards was given up, whether or not somebody died on the way."""
        before = self.places_now()
        try:
            yield
        finally:
            self.given_up |= before - self.places_now()
