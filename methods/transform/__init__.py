"""Transform coding: principal axes, bits allocated by variance, then scalar or trellis-coded levels."""
