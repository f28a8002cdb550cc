"""Keeping freed memory for the next step, on Linux with glibc.

glibc returns every block above 32 MiB to the system when it is freed. The gradient of wide features
is such a block: each step would get new pages, zeroed one by one, which costs more than the product
that fills them.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_KEEP, _DEFAULT_TRIM, _DEFAULT_MMAP_MAX = 2**31 - 1, 128 * 1024, 65536


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Keep freed memory in the process inside; return it to the system afterwards.

    Changes no result. It has an effect on Linux with glibc only.
    """
    libc = ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
    if libc is not None:
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEEP)
    try:
        yield
    finally:
        if libc is not None:
            libc.mallopt(_M_MMAP_MAX, _DEFAULT_MMAP_MAX)
            libc.mallopt(_M_TRIM_THRESHOLD, _DEFAULT_TRIM)
            libc.malloc_trim(0)
