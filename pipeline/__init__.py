"""tokenclock: record the bytes of token streams, derive every number from them."""

import os

__version__ = "0.1.0"

# Tables are made of frames that come and go. The allocator of polars, which reads this when polars is loaded, gives
# their pages back at once by itself, and a third of the processor's time goes into having them zeroed again.
os.environ.setdefault("_RJEM_MALLOC_CONF", "thp:always,dirty_decay_ms:30000,muzzy_decay_ms:30000")
