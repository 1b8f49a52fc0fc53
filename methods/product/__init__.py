"""Product quantization: a codebook a subspace."""
