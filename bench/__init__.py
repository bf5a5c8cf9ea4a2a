"""Benchmarks of the pipeline itself. Nothing in `pipeline` imports from here."""

import pipeline as pipeline  # says how polars is to allocate, and so comes before it
