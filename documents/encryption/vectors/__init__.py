"""Published test vectors of FORMAT.md §12, and what makes them.

The writer here shares no code with the vault's own on purpose: it is written from FORMAT.md a second time, so that a
mistake in one of the two shows, and so that it can write what the vault's own never would. ``ml_kem`` is here
because the library's encapsulation is random and the vectors' must not be. Nothing here is a part of the vault;
``keys/`` is public and must never seal a document.
"""
