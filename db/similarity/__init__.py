"""Vectors and their models, nearest neighbours, clusters, and how well the models hold up."""
