"""The index kept beside a run, that answers without opening its files."""
