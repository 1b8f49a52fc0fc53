"""Measuring: quality, latency, memory, statistics, and the environment that they were measured in."""
