"""Parameters of sampling that tests go through: each filter alone, and some together."""

import math
from typing import Any

FILTERS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.0},
    {"temperature": math.inf},
    {"top_k": 20},
    {"top_k": 2000, "top_p": 0.9},
    {"top_p": 0.9},
    {"min_p": 0.1},
    {"temperature": 0.6, "top_k": 100, "top_p": 0.8, "min_p": 0.01},
    {"temperature": 3.0, "top_p": 0.95},
    {"temperature": 40.0, "top_p": 0.9},  # from here on the kept set is too long to list
    {"temperature": 40.0, "min_p": 0.8},
]
