"""Speculation in front of a real model: the same text, sooner.

The draft is what followed the last time the same words came: a Markov chain learns the text so far and walks on. Nobody
drew it, so it needs no probabilities, and the text with drafts is the text without them, token by token.

    python -m examples.speculative
"""

import time
from typing import Any

from transformers import DynamicCache

import fastsoftmax as fs
from examples.smollm2 import asked, load, read

CHAIN = fs.SamplerChain("temperature=0.4 top_p=0.9 min_p=0.05")
PROMPT = (
    "Copy this list, with a star before each line.\n\nRice with lentils\nDumplings with tomato sauce\n"
    "Flat bread with spinach\nRice pudding with cardamom\nBeaten rice with yoghurt\n"
)
DRAFTS = 5
SEED = 1


def guess(text: list[int]) -> list[int]:
    """Return what is likely to follow: a walk from the last two tokens, as often as these came before."""
    try:
        learned = fs.MarkovChain(order=2).fit([text[:-1]])
        return learned.walk(1, 2 + DRAFTS, start=text[-2:], temperature=0, seed=0)[0][2:]
    except KeyError:  # they never came
        return []


def decode(model: Any, prompt: list[int], length: int, drafts: bool) -> tuple[list[int], int]:
    """Return a text of so many new tokens at most, and how often the model was asked."""
    text, cache, calls, end = list(prompt), DynamicCache(), 0, model.config.eos_token_id
    while len(text) - len(prompt) < length and text[-1] != end:
        draft = guess(text) if drafts else []
        seen = cache.get_seq_length()
        rows = read(model, [[*text[seen:], *draft]], cache)[0, -len(draft) - 1 :]
        found = fs.verify(rows, draft, samplers=CHAIN, seed=SEED, step=len(text) - len(prompt))
        text += found.tokens[found.tokens >= 0].tolist()
        if refused := cache.get_seq_length() - (len(text) - 1):  # what was drafted and not accepted
            cache.crop(-refused)
        calls += 1
    return text[len(prompt) : len(prompt) + length], calls


def main(length: int = 100) -> tuple[list[int], list[int]]:
    """Write the text with drafts and without, and how long each took."""
    tokenizer, model = load()
    prompt = asked(tokenizer, [{"role": "user", "content": PROMPT}])
    decode(model, prompt, length, drafts=True)  # compiles, and warms up
    texts = []
    for drafts in (False, True):
        start = time.perf_counter()
        text, calls = decode(model, prompt, length, drafts)
        seconds = time.perf_counter() - start
        print(f"{'with' if drafts else 'without'} drafts: {len(text)} tokens, {calls} calls, {seconds:.1f} s")
        texts.append(text)
    print(tokenizer.decode(texts[1]))
    return texts[0], texts[1]


if __name__ == "__main__":
    main()
