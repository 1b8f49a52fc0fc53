"""Scans of codes: layouts, preparation of queries, scores, the best of a block."""
