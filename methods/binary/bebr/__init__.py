"""Recurrent binarization (BEBR): codes of m dimensions and u + 1 bits a dimension, base bit first."""
