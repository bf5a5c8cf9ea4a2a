"""Figures that somebody else measured: one file a foreign format. Nothing here is ever called measured."""
