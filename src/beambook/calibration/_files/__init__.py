"""Corrected files: a raw file of a module is read, corrected and written, block by block."""
