"""EXtra-data's commands: the same names, options and words."""
