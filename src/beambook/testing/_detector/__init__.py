"""Area detectors of made runs: pixels with physics in them, and the truth about them."""
