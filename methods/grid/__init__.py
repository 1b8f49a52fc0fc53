"""Quantizers that round a turned vector to a uniform grid and scale it by what they store beside the symbols."""
