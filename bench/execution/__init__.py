"""Runs: what is to be done, each in a process of its own, in turns or side by side."""
