"""Kernels that training needs."""
