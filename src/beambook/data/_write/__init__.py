"""Writing selections of runs as files, real and virtual."""
