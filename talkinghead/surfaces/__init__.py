"""Where people meet the product: command line, web page, live, batch.

Programs, that is, which may say how their process works. Threads of theirs work side by side, and small products of
matrices that wake a thread for each core only keep those from working; numpy's library reads this when it is loaded.
Memory of whole pictures of the largest kind goes back to the system when they are no longer needed; that of smaller
ones is kept, for it is wanted again with the next frame. Python looks for garbage seldom: what there is of it is small,
and to look for it a hundred times while libraries are imported takes as long as to draw ten frames.
"""

import ctypes
import gc
import os
import sys
from contextlib import suppress

M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1  # of glibc's mallopt, in bytes
LARGE, KEPT = 1 << 23, 1 << 26
SELDOM = 100_000, 2, 2  # of gc.set_threshold: objects made, and times that the younger have been looked at

gc.set_threshold(*SELDOM)
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
if sys.platform == "linux":
    with suppress(OSError, AttributeError):  # other C libraries have no such setting
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGE)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT)
