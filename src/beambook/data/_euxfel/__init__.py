"""Files of the European XFEL."""
