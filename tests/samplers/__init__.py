"""Tests of the samplers, of chains of them, and of what peers say of them."""
