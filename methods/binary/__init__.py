"""Binary codes: signs of projections, learned hashing, and recurrent binarization (BEBR)."""
