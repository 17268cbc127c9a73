"""Sixteen numbers at once: what all other kernels are written in.

Read `llvm` (what is emitted), `numbers` (operations), then `loads`, `rows` and `transpose` (between arrays and lanes).
"""
