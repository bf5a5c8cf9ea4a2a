"""tokenclock: record the bytes of token streams, derive every number from them."""

__version__ = "0.1.0"
