"""Numbers of correction: dark characterisation, corrections, constants and their versions."""
