"""Where people meet the product: command line, web page, live, batch.

Programs, that is: threads of theirs work side by side, and small products of matrices that wake a thread for each core
only keep those from working. numpy's library reads this when it is loaded.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
