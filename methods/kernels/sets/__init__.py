"""Kernels for sets of vectors: Chamfer scores and fixed dimensional encodings."""
