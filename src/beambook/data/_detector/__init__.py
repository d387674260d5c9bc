"""Area detectors: the modules of a run stacked, labelled, selected, exported."""
