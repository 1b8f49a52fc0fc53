"""Dimension reduction: fewer coordinates, in any codec's code."""
