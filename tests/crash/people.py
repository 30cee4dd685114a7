"""People who read, upload, rename, share and delete, all at once, and what each of them may expect."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import httpx

from tests.crash.client import API, Person, digest_of
from tests.crash.site import Site

Act = Callable[[httpx.Client, Random], None]


class NothingToDo(Exception):
    """Half of the documents stay, for the others."""


class People:
    """Many at work with one account. ``wrong`` is what should never have happened; ``answered`` counts the rest.

    What was acknowledged is Person's to remember. A deletion whose answer was lost may have happened or not.
    """

    def __init__(self, person: Person, site: Site, seed: int) -> None:
        self.person, self.site, self.seed = person, site, seed
        self.wrong: list[str] = []
        self.answered: Counter[str] = Counter()
        self.titles: dict[str, str] = {}
        self.deleted: set[str] = set()
        self._leaving: set[str] = set()
        self._least = 0
        self._lock = threading.Lock()

    @contextmanager
    def at_work(self, *, readers: int, others: int, pause: float) -> Iterator[None]:
        """``others`` is the number of threads for each other act; ``pause`` the seconds between two acts of one.

        One alone renames, so that the last title that was acknowledged is the title.
        """
        acts: list[Act] = [self.rename, *[self.read] * readers, *[self.upload, self.share, self.delete] * others]
        self._least = len(self.person.acknowledged) // 2
        stop = threading.Event()
        threads = [
            threading.Thread(target=self._go_on, args=(act, Random(f"{self.seed}-{number}"), stop, pause))  # noqa: S311
            for number, act in enumerate(acts)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(120)
            assert not any(thread.is_alive() for thread in threads)

    def read(self, client: httpx.Client, random: Random) -> None:
        document, digest = self._any(random)
        self._check(document, digest, client.get(f"{API}/{document}/content"))

    def share(self, client: httpx.Client, random: Random) -> None:
        document, digest = self._any(random)
        made = client.post(f"{API}/{document}/links", json={})
        if made.status_code == 201:
            path = httpx.URL(made.json()["url"]).path
            made = httpx.get(f"{self.site.url}{path}", timeout=300)
        self._check(document, digest, made)

    def rename(self, client: httpx.Client, random: Random) -> None:
        document, _digest = self._any(random)
        title = f"title {random.randrange(10**9)}"
        self.titles.pop(document, None)
        answer = client.patch(f"{API}/{document}", json={"title": title})
        if answer.status_code == 200:
            self.titles[document] = title
        self._expect(document, answer, 200)

    def upload(self, client: httpx.Client, random: Random) -> None:
        try:
            self.person.upload(client, random.randbytes(random.choice((0, 700, 50_000, 400_000))))
        except AssertionError as refused:
            self.wrong.append(str(refused))

    def delete(self, client: httpx.Client, random: Random) -> None:
        document, _digest = self._any(random)
        with self._lock:
            if len(self.person.acknowledged) - len(self._leaving) <= self._least:
                raise NothingToDo
            self._leaving.add(document)
        answer = client.delete(f"{API}/{document}")
        if answer.status_code == 204:
            self.deleted.add(document)
        self._expect(document, answer, 204)

    def assert_all_is_there(self, client: httpx.Client) -> None:
        """What was acknowledged and not deleted reads, and whatever else is listed; what was deleted is gone."""
        listed, known = self.person.listed(client), dict(self.person.acknowledged)
        assert set(known) - self._leaving <= listed
        assert listed & self.deleted == set()
        for document in listed:
            digest = self.person.digest_of_stored(client, document)
            assert digest == known[document] if document in known else digest in self.person.attempted
        for document, title in self.titles.items():
            if document in listed:
                assert client.get(f"{API}/{document}").json()["title"] == title

    def _any(self, random: Random) -> tuple[str, str]:
        with self._lock:
            known = list(self.person.acknowledged.items())
            return random.choice([pair for pair in known if pair[0] not in self._leaving])

    def _check(self, document: str, digest: str, answer: httpx.Response) -> None:
        """The document, whole and unchanged."""
        self._expect(document, answer, 200)
        if answer.status_code == 200 and digest_of(answer.content) != digest:
            self.wrong.append(f"{document}: other content")

    def _expect(self, document: str, answer: httpx.Response, status: int) -> None:
        # 410: its links have ended with it.
        is_gone = answer.status_code in (404, 410) and document in self._leaving
        if answer.status_code != status and not is_gone:
            self.wrong.append(f"{answer.request.method} {document}: {answer.status_code} {answer.text[:200]}")

    def _go_on(self, act: Act, random: Random, stop: threading.Event, pause: float) -> None:
        with self.person.client(self.site.url, timeout=300) as client:
            while not stop.is_set():
                before = self.site.changes
                try:
                    act(client, random)
                except NothingToDo:
                    pass
                except httpx.TransportError as error:
                    if before == self.site.changes and before % 2 == 0:
                        self.wrong.append(f"{act.__name__}: {error!r}")
                    time.sleep(0.1)
                else:
                    self.answered[act.__name__] += 1
                stop.wait(pause * random.random() * 2)
