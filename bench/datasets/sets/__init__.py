"""Data sets of sets of vectors: reading, formats, exact neighbors by Chamfer."""
