"""Data that a publication only refers to, downloaded: when asked for, bounded, checked."""
