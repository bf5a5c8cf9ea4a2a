"""Bytes to events: server-sent events, wire protocols, statuses and token counts; pure functions."""
