"""Benchmarks that anyone can run again: real logits, real peers, the physical limit, one command.

`python -m bench run --quick && python -m bench report` measures and writes docs/benchmarks.md. `pytest bench` runs the
same cases under pytest-benchmark. How to read the figures is said in the report.

Reading order: `data` and `chains` (what is measured on), `race` (how), `peers/` and `limits` (against what),
`test_*.py` (the cases), `accuracy` and `first_call`, then `results`, `report`, `charts` and `compare`.
"""
