"""Softmax and sampling over dask arrays."""
