"""Residual quantization stages, then a trellis code of what they leave over."""
