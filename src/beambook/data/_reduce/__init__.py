"""Reductions over trains in bounded memory."""
