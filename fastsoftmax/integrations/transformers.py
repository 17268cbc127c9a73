"""Any chain of samplers in ``generate`` of Hugging Face transformers."""

import sys
from types import FrameType
from typing import Any

import torch
from transformers import LogitsProcessor

from fastsoftmax.integrations.following import Follower


class SamplerLogitsProcessor(LogitsProcessor):  # type: ignore[misc]  # types are checked without transformers
    """A logits processor that draws the token, so that `generate` takes it.

    It returns -inf for each token but the drawn one, which any way of choosing then chooses: give it to ``generate``
    with ``do_sample=False``. Streaming, stopping and drafts (an assistant, or a prompt's own words) work as without it,
    and a text with drafts is the text without them.

    Parameters
    ----------
    samplers : str, SamplerChain, or samplers
        The chain, as `SamplerChain` takes it. It has the history of each text as its state.
    rng : None, int or numpy.random.Generator, optional
        What the seeds of new texts are drawn from.
    seed : int or array_like of int, optional
        A seed in [0, 2**64) for each text, instead of `rng`: the text then depends on its prompt and its seed alone.
    pad : int, optional
        The token that a batch of prompts is padded with on the left, which is no part of them.

    Raises
    ------
    TypeError, ValueError
        As `fastsoftmax.sample`; for one seed and several texts, which would draw alike. When called, for beam search,
        for tensors that are not on the CPU, and for drafts with a chain that learns from each draw, as mirostat.

    Notes
    -----
    What comes before it among the processors changes the logits that it reads; what comes after it sees one token, and
    must not drop that. ``generate`` puts its own processors before those that it is given, and temperature, top-k and
    the like after them, where they change nothing.
    A text is new where the rows begin otherwise than before, or go on by more than a token. A text that was cut short
    and is given again goes on as before, with the same tokens: for other ones make another processor. One processor
    serves one call of ``generate`` at a time. Scores that ``generate`` returns are those of the drawn token alone.
    Memory: the texts, a state of 4 bytes a token, and the scores that it returns.

    Examples
    --------
    ::

        draws = SamplerLogitsProcessor("repetition=1.1 top_k=40 min_p=0.05 temperature=0.8", seed=7)
        model.generate(**inputs, do_sample=False, logits_processor=[draws])
    """

    def __init__(self, samplers: Any, *, rng: Any = None, seed: Any = None, pad: int | None = None) -> None:
        self._follower = Follower(samplers, rng, seed, pad, _refuse_beams)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores of which the drawn tokens alone are above -inf.

        Parameters
        ----------
        input_ids : Tensor of int, shape (rows, length)
            The texts.
        scores : Tensor, shape (rows, V)
            Logits.
        """
        if not scores.is_cpu:
            raise TypeError(f"scores is on {scores.device}, expected a CPU tensor: this library draws on the CPU")
        tokens = torch.from_numpy(self._follower.draw(input_ids.numpy(), scores))
        return torch.full_like(scores, -torch.inf).scatter_(1, tokens[:, None], 0.0)


def _refuse_beams() -> None:
    """Raise an error inside a beam search, which ranks texts by scores: it does not say so to a processor.

    The nearest caller that has a `generation_config` is the one that searches; a loop of one's own has none.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        config = frame.f_locals.get("generation_config")
        if config is not None:
            beams = getattr(config, "num_beams", None) or 1
            if beams > 1:
                raise ValueError(f"num_beams is {beams}, expected 1: beams rank scores, and a draw leaves one token")
            return
        frame = frame.f_back
