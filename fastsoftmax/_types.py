"""The kinds of arrays that a Markov chain is made of."""

from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]  # tokens as numbers, -1 for the boundary
Positions = npt.NDArray[np.int64]  # places in another array, and numbers of states
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[Any]  # int64, or float64 for weights
