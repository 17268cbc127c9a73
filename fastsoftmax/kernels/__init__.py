"""The compiled kernels: short loops over plain arrays, without checks or Python objects."""
