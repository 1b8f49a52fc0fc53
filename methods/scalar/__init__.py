"""Scalar quantization: every dimension by itself, in floats of fewer bits or integers."""
