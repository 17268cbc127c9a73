"""Sixteen numbers at once: what all other kernels are written in.

Read `llvm` (what is emitted), `numbers` (operations), `arrays` (memory without an owner), then `loads`, `rows` and
`transpose` (between arrays and lanes).
"""
