"""The checks behind :mod:`methods.checks`, one file a theme."""
