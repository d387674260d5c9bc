"""EXtra-data's names on beambook."""
