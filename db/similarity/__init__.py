"""Vectors and their models, nearest neighbours, clusters, and the health of the models."""
