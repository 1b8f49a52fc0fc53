"""BiDR: codes in memory and vectors on disk, both trained with queries (Xiao et al. 2022)."""
