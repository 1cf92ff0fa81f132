"""What every node of B-Connect stands on."""

from bconnect_node.memory import tune_allocator

__version__ = "0.1.0"

# Here and not in run(): it must come before the first large buffer, whoever asks for it.
ALLOCATOR_TUNED = tune_allocator()
