"""All notebooks of a folder, executed in their order, in a copy that can be published."""
