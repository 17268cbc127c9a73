"""Requests that come and go, drawn in one batch: each has its own seed, temperature and history.

A request's tokens depend on its prompt, its seed and its chain alone. The loop below shows it: the same requests are
answered together and one by one, and every text is the same. The model reads each request by itself here, since a
model's logits change in their last bits with the batch.

    python -m examples.server
"""

from typing import Any

import torch
from transformers import DynamicCache

import fastsoftmax as fs
from examples.smollm2 import asked, load, read

REQUESTS = [  # text, seed, temperature, tokens at most
    ("Name a city in Nepal.", 1, 0.5, 12),
    ("What is a momo?", 2, 1.0, 30),
    ("Name a mountain.", 3, 1.5, 20),
    ("What is a momo?", 4, 1.0, 25),
]


class Running:
    """A request that is being answered."""

    def __init__(self, tokenizer: Any, text: str, seed: int, temperature: float, length: int) -> None:
        prompt = asked(tokenizer, [{"role": "user", "content": text}])
        chain = fs.SamplerChain(f"repetition=1.1 top_p=0.95 temperature={temperature}")
        self.seed, self.length, self.state, self.news = seed, length, chain.start([prompt]), prompt
        self.tokens, self.cache = [], DynamicCache()


def serve(model: Any, tokenizer: Any, requests: list[Any], places: int) -> list[list[int]]:
    """Answer the requests, so many at a time; another comes in as soon as one is done."""
    every = [Running(tokenizer, *request) for request in requests]
    waiting, running = list(every), []
    while waiting or running:
        running += [waiting.pop(0) for _ in range(min(places - len(running), len(waiting)))]
        rows = torch.cat([read(model, [one.news], one.cache)[:, -1] for one in running])
        batch = fs.State.join(one.state for one in running)
        seeds, steps = [one.seed for one in running], [len(one.tokens) for one in running]
        tokens, batch = fs.sample(rows, samplers=batch.chain, state=batch, seed=seeds, step=steps)
        for i, one in enumerate(running):
            one.news, one.state = [int(tokens[i])], batch[[i]]
            one.tokens += one.news
        end = [model.config.eos_token_id]
        running = [one for one in running if len(one.tokens) < one.length and one.news != end]
    return [one.tokens for one in every]


def main() -> None:
    """Answer the requests in batches of three, and then each alone."""
    tokenizer, model = load()
    together = serve(model, tokenizer, REQUESTS, places=3)
    alone = [serve(model, tokenizer, [request], places=1)[0] for request in REQUESTS]
    for tokens in together:
        print("*", tokenizer.decode(tokens))
    print("the same alone:", together == alone)


if __name__ == "__main__":
    main()
