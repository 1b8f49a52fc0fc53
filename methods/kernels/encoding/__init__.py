"""Kernels that write codes."""
