"""One prompt at three temperatures, side by side: what makes a model creative, and what it costs.

The rows of one batch have the temperatures, and the same seed: they part where the temperature makes them.

    python -m examples.nepal
"""

import textwrap
from itertools import zip_longest

import numpy as np
from transformers import DynamicCache

import fastsoftmax as fs
from examples.smollm2 import asked, load, read

PROMPT = "Tell me about Nepal."
TEMPERATURES = [0.5, 1.0, 2.0]
SEED, LENGTH, WIDTH = 3, 60, 38


def write(length: int) -> tuple[list[str], list[float]]:
    """Return a text for each temperature, and the mean entropy of its draws in bits."""
    tokenizer, model = load()
    sampler = fs.Sampler(temperature=TEMPERATURES, seed=SEED)
    news, cache = [asked(tokenizer, [{"role": "user", "content": PROMPT}])] * len(TEMPERATURES), DynamicCache()
    tokens, entropies = [], []
    for _ in range(length):
        drawn = sampler(read(model, news, cache)[:, -1], details=True)
        news = drawn.tokens[:, np.newaxis].tolist()
        tokens.append(drawn.tokens)
        entropies.append(drawn.entropy / np.log(2))
    texts, means = [], []
    for text, bits in zip(np.transpose(tokens).tolist(), np.transpose(entropies), strict=True):
        end = [*text, model.config.eos_token_id].index(model.config.eos_token_id)
        texts.append(tokenizer.decode(text[:end]))
        means.append(float(bits[: end + 1].mean()))
    return texts, means


def main(length: int = LENGTH) -> None:
    """Print the texts in columns."""
    texts, means = write(length)
    heads = [f"T = {t:g}, {bits:.1f} bits a token" for t, bits in zip(TEMPERATURES, means, strict=True)]
    columns = [[head, "", *textwrap.wrap(text, WIDTH)] for head, text in zip(heads, texts, strict=True)]
    for lines in zip_longest(*columns, fillvalue=""):
        print("  ".join(f"{line:{WIDTH}}" for line in lines).rstrip())


if __name__ == "__main__":
    main()
