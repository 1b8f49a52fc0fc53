"""Searchers that families share: by decoding, by lookup tables, by a scanner of the kernels."""
