"""What other programs read of a publication: RO-Crate, DataCite, CITATION.cff, a README."""
