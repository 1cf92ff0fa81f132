"""What every node of B-Connect stands on."""

import os

from bconnect_node.memory import tune_allocator

__version__ = "0.1.0"

# Here and not in run(): this must come before numpy is imported, and the allocator before the
# first large buffer, whoever asks for it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ALLOCATOR_TUNED = tune_allocator()
