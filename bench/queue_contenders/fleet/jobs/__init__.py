"""The jobs package of the bench's fleet."""
