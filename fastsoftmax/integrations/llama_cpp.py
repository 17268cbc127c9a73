"""Any chain of samplers in the loops of llama-cpp-python."""

from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax.integrations.following import Follower


class SamplerLogitsProcessor:
    """A logits processor that draws the token, so that llama.cpp takes it.

    It returns -inf for each token but the drawn one. llama.cpp goes on with its own samplers, which change nothing
    then: give it with ``temperature=0``, which leaves most of them out.

    Parameters
    ----------
    samplers, rng
        As in `fastsoftmax.integrations.transformers.SamplerLogitsProcessor`.
    seed : int, optional
        A seed in [0, 2**64), instead of `rng`.

    Raises
    ------
    TypeError, ValueError
        As `fastsoftmax.sample`.

    Notes
    -----
    llama.cpp applies a grammar after it, and ends the process where the grammar does not take the token: give none, and
    no JSON mode. Its `logit_bias` loses all processors (llama-cpp-python 0.3.36): give `sequence_bias` in the chain.
    What is raised in a call, as for a NaN, is printed for each token and goes no further.

    Examples
    --------
    ::

        draws = SamplerLogitsProcessor("top_k=40 xtc(0.5, 0.1) temperature=0.8", seed=7)
        llama("Nepal is", temperature=0, logits_processor=LogitsProcessorList([draws]))
    """

    def __init__(self, samplers: Any, *, rng: Any = None, seed: Any = None) -> None:
        if np.ndim(seed) != 0:
            raise ValueError(f"seed has shape {np.shape(seed)}, expected one number: llama.cpp writes one text")
        self._follower = Follower(samplers, rng, seed, None, lambda: None)

    def __call__(self, input_ids: npt.NDArray[np.intc], scores: npt.NDArray[np.single]) -> npt.NDArray[np.single]:
        """Return scores of which the drawn token alone is above -inf.

        Parameters
        ----------
        input_ids : ndarray of int, shape (length,)
            The text.
        scores : ndarray of float32, shape (V,)
            Logits.
        """
        token = self._follower.draw(np.asarray(input_ids, np.int64)[np.newaxis], np.asarray(scores)[np.newaxis])
        chosen = np.full(len(scores), -np.inf, np.single)
        chosen[token] = 0.0
        return chosen
