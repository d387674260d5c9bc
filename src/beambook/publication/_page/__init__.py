"""The page of a verification, for people: HTML and PDF."""
