"""Record what the page of `fastsoftmax explore` shows of a language model: next-token logits, and continuations.

python -m examples.record fastsoftmax/explore/page/data/smollm2.json
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

import fastsoftmax as fs
from examples.smollm2 import load

PROMPTS = (
    "The capital of Nepal is",
    "The highest mountain in the world is Mount",
    "Once upon a time, there was a little",
    "The quick brown fox jumps over the lazy",
    "Two plus two is",
    "My favourite food is",
    "The opposite of hot is",
    "She opened the door and saw a",
    "To be, or not to be, that is the",
    "The cat sat on the",
    "Roses are red, violets are",
    "Hello",
)
STORY = "Nepal is a country where"
TEMPERATURES = (0.2, 0.5, 1.0, 1.5, 2.0)
TOP, LENGTH, SEED = 200, 40, 1


@torch.inference_mode()
def next_logits(model: Any, tokens: list[int]) -> np.ndarray:
    """Return the logits after some tokens."""
    return np.asarray(model(torch.tensor([tokens])).logits[0, -1], np.float64)


def continuation(model: Any, tokens: list[int], temperature: float, end: int) -> list[int]:
    """Draw a text of tokens, by the seed and the step alone."""
    text = list(tokens)
    for step in range(LENGTH):
        text.append(int(fs.sample(next_logits(model, text), temperature=temperature, seed=SEED, step=step)))
        if text[-1] == end:
            break
    return text[len(tokens) :]


def main(path: Path) -> None:
    """Write the recording."""
    tokenizer, model = load()
    recorded = []
    for prompt in PROMPTS:
        logits = next_logits(model, tokenizer(prompt).input_ids)
        likeliest = np.argsort(-logits, kind="stable")[:TOP]
        values = np.round(logits[likeliest], 3)
        share = float(fs.softmax(logits)[likeliest].sum())
        words = [tokenizer.decode([token]) for token in likeliest.tolist()]
        recorded.append({"prompt": prompt, "tokens": words, "logits": values.tolist(), "share": round(share, 4)})
    story = tokenizer(STORY).input_ids
    texts = [tokenizer.decode(continuation(model, story, t, model.config.eos_token_id)) for t in TEMPERATURES]
    page = {
        "model": "SmolLM2-135M-Instruct",
        "vocabulary": model.config.vocab_size,
        "prompts": recorded,
        "story": {"prompt": STORY, "seed": SEED, "temperatures": TEMPERATURES, "texts": texts},
    }
    path.write_text(json.dumps(page, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("give the file to write, as fastsoftmax/explore/page/data/smollm2.json")
    main(Path(sys.argv[1]))
