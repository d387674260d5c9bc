"""EXtra-data's objects, in and out."""
