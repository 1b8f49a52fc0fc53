"""``python -m bench.compress``: a file of vectors, however large, as a codec and codes in a folder."""
