"""How long a store is waited for, the same for every provider."""

from datetime import timedelta

# A store that does not answer is given up after so long, over all attempts of one request.
LONGEST_WAIT = timedelta(seconds=300)
# Connecting takes no longer than this share of what an answer may take: whoever listens, listens at once.
_CONNECTING = 6


def waits_of(timeout: timedelta, *, attempts: int) -> tuple[float, float]:
    """Return how many seconds one attempt waits for a connection and for each piece of an answer.

    ``attempts`` of both, and the pauses between them, fit into ``timeout``.
    """
    read = timeout.total_seconds() / (attempts + 1)
    return read / _CONNECTING, read
