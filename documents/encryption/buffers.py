"""Buffers that the kernel fills fast."""

import mmap


def page_aligned(size: int) -> memoryview:
    """Return ``size`` zeroed bytes that begin on a page, freed with the last view of them.

    ``bytearray`` begins 16 bytes behind one, and some processors then copy from the page cache at a third of the
    speed.
    """
    return memoryview(mmap.mmap(-1, max(size, 1)))[:size]
