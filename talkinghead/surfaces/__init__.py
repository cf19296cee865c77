"""Where people meet the product: command line, web page, live, batch.

Programs, that is, which may say how their process works. Threads of theirs work side by side, and small products of
matrices that wake a thread for each core only keep those from working; numpy's library reads this when it is loaded.
And memory of large pictures goes back to the system when they are no longer needed, which saves a tenth at 3840 pixels.
"""

import ctypes
import os
import sys
from contextlib import suppress

M_MMAP_THRESHOLD, LARGE = -3, 1 << 20  # of glibc's mallopt; bytes

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
if sys.platform == "linux":
    with suppress(OSError, AttributeError):  # other C libraries have no such setting
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)
