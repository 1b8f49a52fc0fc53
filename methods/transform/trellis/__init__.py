"""Transform coding with trellis-coded quantization."""
