"""Random rotation first: every coordinate then has nearly the same distribution, so that one quantizer serves all."""
