"""Samplers of this library in the loops of others: a module a package, imported by its own name."""
