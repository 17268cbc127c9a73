"""The samplers, a file each, and what they are put together to: a chain.

`SAMPLERS` and `EDITS` are the registries: a new sampler is a file here, a twin in `reference/samplers/`, and a line in
one of these lists. Edits change a few logits for what came before; the others need the row alone.
"""

from fastsoftmax.samplers.adaptive_p import AdaptiveP
from fastsoftmax.samplers.dry import Dry
from fastsoftmax.samplers.dynamic_temperature import DynamicTemperature
from fastsoftmax.samplers.edit import Edit
from fastsoftmax.samplers.epsilon import Epsilon
from fastsoftmax.samplers.eta import Eta
from fastsoftmax.samplers.force import Force
from fastsoftmax.samplers.frequency import Frequency
from fastsoftmax.samplers.greedy import Greedy
from fastsoftmax.samplers.gumbel import Gumbel
from fastsoftmax.samplers.min_k import MinK
from fastsoftmax.samplers.min_p import MinP
from fastsoftmax.samplers.mirostat import Mirostat
from fastsoftmax.samplers.mirostat_2 import Mirostat2
from fastsoftmax.samplers.no_repeat_ngram import NoRepeatNgram
from fastsoftmax.samplers.p_less import PLess
from fastsoftmax.samplers.p_step import PStep
from fastsoftmax.samplers.presence import Presence
from fastsoftmax.samplers.quadratic import Quadratic
from fastsoftmax.samplers.repetition import Repetition
from fastsoftmax.samplers.sequence_bias import SequenceBias
from fastsoftmax.samplers.step import Step
from fastsoftmax.samplers.tail_free import TailFree
from fastsoftmax.samplers.temperature import Temperature
from fastsoftmax.samplers.top_a import TopA
from fastsoftmax.samplers.top_h import TopH
from fastsoftmax.samplers.top_k import TopK
from fastsoftmax.samplers.top_n_sigma import TopNSigma
from fastsoftmax.samplers.top_p import TopP
from fastsoftmax.samplers.typical import Typical
from fastsoftmax.samplers.xtc import XTC

SAMPLERS: tuple[type[Step], ...] = (
    Temperature,
    DynamicTemperature,
    Quadratic,
    TopK,
    TopP,
    MinP,
    Typical,
    Epsilon,
    Eta,
    TopA,
    TailFree,
    TopNSigma,
    TopH,
    PLess,
    MinK,
    PStep,
    XTC,
    Mirostat,
    Mirostat2,
    AdaptiveP,
    Greedy,
    Gumbel,
)
EDITS: tuple[type[Edit], ...] = (
    Repetition,
    Presence,
    Frequency,
    Dry,
    NoRepeatNgram,
    SequenceBias,
    Force,
)
for _code, _sampler in enumerate((*SAMPLERS, *EDITS)):
    _sampler.code = _code
