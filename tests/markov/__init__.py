"""Chains, text and walks."""
