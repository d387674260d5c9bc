"""Execute what was published again, and say whether it comes out."""
