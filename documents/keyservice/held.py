"""Which KEKs a key service opens, as it said last: asked now and then, and never in the way of who only seals."""

import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass, field

import structlog

from documents.errors import KeyServiceRefused, KeyServiceUnavailable
from documents.keyservice.protocol import KeyService

log = structlog.get_logger(__name__)

# Seconds after which it is asked again, and after which it is where it did not answer.
FRESH, AGAIN = 60.0, 5.0
# Seconds that an answer to a new question is waited for. One that is well answers in milliseconds.
WAITED_FOR = 1.0


@dataclass
class _Question:
    """Put to the service because of ``occasion``, ``is_new`` where that is another one than before.

    ``until`` is when the answer is out of date, once it is ``done``.
    """

    occasion: Hashable
    is_new: bool
    asked_at: float = field(default_factory=time.monotonic)
    until: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)

    def is_over(self, occasion: Hashable) -> bool:
        return self.done.is_set() and (occasion != self.occasion or time.monotonic() >= self.until)


class Held:
    """Keeps what a key service said that it holds. Safe to use from several threads.

    A thread of its own asks. It is not there after a fork: a child makes a ``Held`` of its own (``attached``).
    """

    def __init__(self, service: KeyService) -> None:
        self._service, self._lock = service, threading.Lock()
        self._known: frozenset[bytes] | None = None
        self._question: _Question | None = None

    def kek_ids(self, occasion: Hashable) -> frozenset[bytes] | None:
        """Return the last answer, or None where there was none yet.

        Another ``occasion`` than last time, a key file that came, is a reason to ask anew, and that answer is waited
        for: by all who come together ``WAITED_FOR`` seconds from the question on. Nobody waits where the answer is only
        old, nor again where there was none.
        """
        with self._lock:
            question = self._question
            if question is None or question.is_over(occasion):
                question = _Question(occasion, is_new=question is None or occasion != question.occasion)
                self._question = question
                self._put(question)
        if question.is_new:
            question.done.wait(max(0.0, question.asked_at + WAITED_FOR - time.monotonic()))
        return self._known

    def _put(self, question: _Question) -> None:
        try:
            threading.Thread(target=self._ask, args=(question,), daemon=True).start()
        except RuntimeError as error:  # no thread is left, or the interpreter ends
            self._answer(question, AGAIN, str(error))

    def _ask(self, question: _Question) -> None:
        seconds, told = AGAIN, "it failed"
        try:
            self._known = self._service.kek_ids()
            seconds, told = FRESH, ""
        except (KeyServiceUnavailable, KeyServiceRefused) as error:
            told = str(error)
        finally:  # whatever it was: the next question is put all the same
            self._answer(question, seconds, told)

    def _answer(self, question: _Question, seconds: float, error: str = "") -> None:
        if error:
            log.warning("key_service_silent", error=error)
        question.until = time.monotonic() + seconds
        question.done.set()
