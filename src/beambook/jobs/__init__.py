"""Where work runs: on this machine, or on a Slurm cluster; Dask in one line."""
