"""Methods whose axes or codebooks are learned from queries, and what stands in for these where there are none."""
