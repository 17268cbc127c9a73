"""Requests that come and go, drawn in one batch: each has its own seed, temperature and history.

A request's tokens depend on its prompt, its seed and its chain alone. The loop below shows it: the same requests are
answered together and one by one, and every text is the same. The model reads each request by itself here, since a
model's logits change in their last bits with the batch.

    python -m examples.server
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import DynamicCache

import fastsoftmax as fs
from examples.smollm2 import asked, load, read


@dataclass
class Request:
    """What somebody asked, and what came of it."""

    text: str
    seed: int
    temperature: float
    length: int
    state: Any = None
    cache: Any = field(default_factory=DynamicCache)
    tokens: list[int] = field(default_factory=list)


def serve(model: Any, tokenizer: Any, waiting: list[Request], places: int) -> list[list[int]]:
    """Answer the requests, so many at a time; another comes in as soon as one is done."""
    every, running = list(waiting), []
    while waiting or running:
        while waiting and len(running) < places:
            request = waiting.pop(0)
            chain = fs.SamplerChain(f"repetition=1.1 top_p=0.95 temperature={request.temperature}")
            request.state = chain.start([asked(tokenizer, [{"role": "user", "content": request.text}])])
            running.append(request)
        rows = [read(model, [r.tokens[-1:] or r.state.history(0).tolist()], r.cache)[:, -1] for r in running]
        batch = fs.State.join(r.state for r in running)
        seeds, steps = [r.seed for r in running], [len(r.tokens) for r in running]
        tokens, batch = fs.sample(torch.cat(rows), samplers=batch.chain, state=batch, seed=seeds, step=steps)
        for i, request in enumerate(running):
            request.tokens.append(int(tokens[i]))
            request.state = batch[[i]]
        running = [r for r in running if len(r.tokens) < r.length and r.tokens[-1] != model.config.eos_token_id]
    return [request.tokens for request in every]


def main() -> None:
    """Answer four requests in batches of three, and then each alone."""
    tokenizer, model = load()

    def requests() -> list[Request]:
        cities = ["Name a city in Nepal.", "What is a momo?", "Name a mountain.", "What is a momo?"]
        numbers = zip(cities, [1, 2, 3, 4], [0.5, 1.0, 1.5, 1.0], [12, 30, 20, 25], strict=True)
        return [Request(*one) for one in numbers]

    together = serve(model, tokenizer, requests(), places=3)
    alone = [serve(model, tokenizer, [request], places=1)[0] for request in requests()]
    for tokens in together:
        print("*", tokenizer.decode(tokens))
    print("the same alone:", together == alone)


if __name__ == "__main__":
    main()
