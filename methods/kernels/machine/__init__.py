"""The processor: its flags, the instruction set in use, threads, memory bandwidth."""
