"""Codecs made of other codecs: behind a transform, behind an offset, re-ranked by a finer store."""
