"""Methods whose axes are weighted by queries, and what stands in for these where there are none."""
