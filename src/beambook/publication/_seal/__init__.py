"""How a publication is put together, piece by piece."""
