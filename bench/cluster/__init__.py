"""More than one machine: sweeps whose runs are jobs of Slurm or tasks of Ray, and one base on several nodes of Ray."""
