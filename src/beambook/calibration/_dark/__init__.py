"""Dark characterisation: offset, noise, gain thresholds and bad pixels from runs without beam."""
