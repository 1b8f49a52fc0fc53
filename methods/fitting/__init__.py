"""What is learned from training vectors, shared by families: k-means, axes, ranges, choices by held-out vectors."""
