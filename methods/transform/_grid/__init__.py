"""Quantizers that round a rotated vector to a uniform grid and scale it by what they store beside the symbols."""
