"""The reference, and the cross-check."""
