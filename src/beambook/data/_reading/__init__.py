"""Reading rows past HDF5: where they are, by several threads, inflated, cut."""
