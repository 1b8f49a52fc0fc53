"""Residual quantization stages, then a trellis code of their residuals."""
