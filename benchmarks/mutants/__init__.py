"""Notebooks whose results are changed on purpose, and honest ones that only look changed."""
