"""Pieces of codes that families share: factors, lengths, offsets, levels, subspaces."""
