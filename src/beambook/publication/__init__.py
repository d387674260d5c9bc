"""Seal notebooks with their software, data and results, and verify that they come out again."""
