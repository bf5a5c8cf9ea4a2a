"""Benchmarks of the pipeline itself. Nothing in `pipeline` imports from here."""
