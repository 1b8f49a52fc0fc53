"""Additive quantization: a vector is the sum of codewords."""
