"""Sparse vectors of texts, and their postings as packed bytes: what stands beside a dense code in a hybrid search."""
