"""QINCo2: residual quantization whose codebooks are predicted by networks from what is already reconstructed."""
