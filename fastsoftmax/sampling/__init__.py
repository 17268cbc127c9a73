"""From logits to tokens.

Read `functions` (sample, probabilities) with `params`, `batch` and `scratch`, then `details` and `sampler`.
"""

from fastsoftmax.sampling.details import Details, KeptSet, TopLogprobs
from fastsoftmax.sampling.functions import probabilities, sample
from fastsoftmax.sampling.params import SamplingParams
from fastsoftmax.sampling.sampler import Sampler

__all__ = ["Details", "KeptSet", "Sampler", "SamplingParams", "TopLogprobs", "probabilities", "sample"]
