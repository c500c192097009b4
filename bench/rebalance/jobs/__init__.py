"""The jobs of the bench's fleet: the package `jobs` of a house of its own."""
