"""What is installed in a Python, pinned to exact files."""
