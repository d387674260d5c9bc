"""Area detectors as pictures: geometry, assembly, azimuthal integration, plots."""
