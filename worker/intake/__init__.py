"""Intake: a call list's bytes in, staged chunks and rejects out, every record in exactly one set."""
