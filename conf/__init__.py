"""Configuration groups of ``python -m bench``: ``method``, ``dataset``, ``experiment``."""
