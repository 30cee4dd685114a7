"""Sessions in the database whose keys and contents the database does not know: a stolen copy signs nobody in."""

import hashlib

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db.models import QuerySet
from django.utils import timezone

from documents.errors import ConfigurationError
from documents.web.account_secrets import decrypt_secret, encrypt_secret

# 160 bits, the width of django_session's column; the browser's key has 165.
_HEX_DIGITS = 40


def stored_key(session_key: str) -> str:
    """Return what stands in ``django_session`` for the key in a browser's cookie: the start of its SHA-256."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:_HEX_DIGITS]


class SessionStore(DatabaseSessionStore):
    """Django's store, but for the key it looks rows up by, and encrypted data: a second factor that is being set
    up stands in them. ``session_key`` is the browser's, everywhere.
    """

    def encode(self, session_dict: dict[str, object]) -> str:
        """Return what stands in the row: Django's signed text, encrypted under SECRET_KEY."""
        return encrypt_secret(super().encode(session_dict))

    def decode(self, session_data: bytes | str) -> dict[str, object]:
        """Return what the session holds: nothing where its SECRET_KEY is known no more, as with Django's store."""
        try:
            signed = decrypt_secret(session_data)
        except ConfigurationError:
            return {}
        return super().decode(signed)

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        found = self._live_sessions().first()
        return self._known(found)

    async def _aget_session_from_db(self) -> AbstractBaseSession | None:
        found = await self._live_sessions().afirst()
        return self._known(found)

    def _live_sessions(self) -> QuerySet[AbstractBaseSession]:
        key = stored_key(self.session_key or "")
        return self.model.objects.filter(session_key=key, expire_date__gt=timezone.now())

    def _known(self, found: AbstractBaseSession | None) -> AbstractBaseSession | None:
        if found is None:
            self._session_key = None  # a key that we did not make is never taken over
        return found

    def exists(self, session_key: str) -> bool:
        return super().exists(stored_key(session_key))

    async def aexists(self, session_key: str) -> bool:
        return await super().aexists(stored_key(session_key))

    def create_model_instance(self, data: dict[str, object]) -> AbstractBaseSession:
        row = super().create_model_instance(data)
        row.session_key = stored_key(row.session_key)
        return row

    async def acreate_model_instance(self, data: dict[str, object]) -> AbstractBaseSession:
        row = await super().acreate_model_instance(data)
        row.session_key = stored_key(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            super().delete(stored_key(key))

    async def adelete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            await super().adelete(stored_key(key))
