"""Freeze software, and have it again: exact versions, checked by their hashes."""
