"""Inputs shared by the tests: rows of logits with everything that real ones and hostile ones hold, and every dtype."""

from typing import Any

import ml_dtypes
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = [np.dtype(np.float16), BFLOAT16, np.dtype(np.float32), np.dtype(np.float64)]

KNOWN = [  # logits, temperature, probabilities, decimals printed, whether they were cut there rather than rounded
    ([3, 2, 1, 4], 1, [0.23, 0.08, 0.03, 0.64], 2, True),
    ([3, 2, 1, 4], 5, [0.27, 0.22, 0.18, 0.33], 2, False),
    ([1, 2], 1, [0.26894142, 0.73105858], 8, False),
    ([1, 2], 2, [0.37754067, 0.62245933], 8, False),
    ([1, 2], 5, [0.450166, 0.549834], 6, False),
    ([1.1, 0.5, 0.85, 0.97, 1.2, 0.3], 1, [0.21, 0.12, 0.16, 0.18, 0.23, 0.09], 2, False),
    ([1.1, 0.5, 0.85, 0.97, 1.2, 0.3], 1.95, [0.19, 0.14, 0.17, 0.18, 0.20, 0.13], 2, False),
    ([1.1, 0.7, 0.85, 0.9, 1.02], 0.2, [0.41, 0.06, 0.12, 0.15, 0.27], 2, False),
    ([0.1, 0, 0.5, 1, 4, 0.6], 1, [0.01, 0.01, 0.02, 0.04, 0.86, 0.02], 2, True),
    ([0.1, 0, 0.5, 1, 4, 0.6], 5, [0.13, 0.12, 0.14, 0.15, 0.28, 0.14], 2, True),
]

PHILOX = [  # counter, key, answer: the published vectors of Philox4x32-10 (Random123, kat_vectors)
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]

TEMPERATURES = st.one_of(
    st.sampled_from([1.0, 0.0, np.inf, 0.1, 0.7, 5.0]),
    st.floats(1e-3, 1e3),
    st.sampled_from([1e-300, 1e-42, 1e-20, 1e-6, 1e6, 1e20, 1e42, 1e300]),
)
TOP_KS = st.one_of(st.just(0), st.integers(1, 60), st.integers(1, 5000))
FRACTIONS = st.one_of(st.sampled_from([0.0, 1.0, 0.5, 0.9, 0.05, 1e-12, 1 - 1e-12, 0.999]), st.floats(0.0, 1.0))
SIZES = st.one_of(st.integers(1, 80), st.sampled_from([511, 512, 513, 2047, 2048, 2049, 4100]))


def examples(usual: int, **options: Any) -> settings:
    """Return settings for a property that needs so many examples in the usual run, where others have 100."""
    return settings(max_examples=max(5, usual * settings.default.max_examples // 100), **options)


@st.composite
def rows(draw: st.DrawFn, dtype: np.dtype | None = None, sizes: st.SearchStrategy[int] = SIZES) -> np.ndarray:
    """Return one row of logits: body, ties, masks, infinities, extremes; at least one above -inf, no NaN."""
    dtype = dtype if dtype is not None else draw(st.sampled_from(DTYPES))
    size = draw(sizes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1.0, 4.0, 30.0, 1e4, 1e-3, 1e-30, 1e30, float(ml_dtypes.finfo(dtype).max) / 8]))
    row = rng.standard_normal(size) * scale + draw(st.sampled_from([0.0, 0.0, 17.3, -1e4]))
    shape = draw(st.sampled_from(["body", "body", "ties", "flat", "two", "ascending", "descending", "one-hot"]))
    if shape == "ties":
        row = np.round(row / scale) * scale
    elif shape == "flat":
        row[:] = row[0]
    elif shape == "two":
        row = np.where(rng.random(size) < 0.5, row[0], row[-1])
    elif shape in ("ascending", "descending"):
        row = np.sort(row)[:: 1 if shape == "ascending" else -1].copy()
    elif shape == "one-hot":
        row = np.eye(1, size, int(rng.integers(size)))[0] * scale
    if draw(st.booleans()):
        row[rng.random(size) < draw(st.sampled_from([0.01, 0.5, 0.99]))] = -np.inf
    if draw(st.integers(0, 9)) == 0:
        row[rng.integers(size, size=2)] = np.inf
    if draw(st.integers(0, 9)) == 0:
        row[rng.random(size) < 0.3] = -0.0
    with np.errstate(over="ignore"):
        row = row.astype(dtype)
    if not (row > -np.inf).any():
        row[rng.integers(size)] = 1.0
    return row


def floats(row: np.ndarray) -> list[float]:
    """Return a row as Python floats."""
    values: list[float] = np.asarray(row).astype(np.float64).tolist()
    return values
