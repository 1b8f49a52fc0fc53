"""How one run of each kind of workload goes."""
