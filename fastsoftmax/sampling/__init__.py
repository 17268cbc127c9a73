"""From logits to tokens.

Read `functions` (sample, probabilities) with `asked` (the words or a chain), `params`, `batch` and `scratch`, then
`laws` (which kernels are called: `words_law`, `chain_law`), `one_row`, `details`, `edits` (what came before),
`sampler` and `verifying` (speculation).
"""

from fastsoftmax.sampling.details import Details, KeptSet, TopLogprobs
from fastsoftmax.sampling.functions import probabilities, sample
from fastsoftmax.sampling.params import SamplingParams
from fastsoftmax.sampling.sampler import Sampler

__all__ = ["Details", "KeptSet", "Sampler", "SamplingParams", "TopLogprobs", "probabilities", "sample"]
