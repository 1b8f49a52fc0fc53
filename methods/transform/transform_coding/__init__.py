"""Transform coding: principal axes, bits where the variance is, the best scalar levels for a Gaussian."""
