"""In which order notebooks are executed: the same for `execute_folder`, `seal` and `verify`."""
