"""NeXus: entries of files of many facilities as events, signals and what they show."""
