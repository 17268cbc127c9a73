"""A conversation on the command line: streamed, with stop strings, penalties and how sure the model was.

python -m examples.chat_loop "END" "User:"    # stop strings; none by default. Type a line; Ctrl-D ends it
"""

import sys
from collections.abc import Iterator
from typing import Any

from transformers import DynamicCache

import fastsoftmax as fs
from examples.smollm2 import asked, load, read

CHAIN = "repetition(1.1, last=64) dry=0.8 top_k=40 min_p=0.05 temperature=0.7"
LENGTH = 200


def stream(model: Any, tokenizer: Any, prompt: list[int], sampler: fs.Sampler, stop: tuple[str, ...]) -> Iterator[Any]:
    """Yield pieces of an answer, each with the log-probability of its tokens, until a stop string or the end."""
    sampler.start([prompt])
    news, cache, tokens, shown, logprob = prompt, DynamicCache(), [], 0, 0.0
    for _ in range(LENGTH):
        drawn = sampler(read(model, [news], cache)[:, -1], details=True)
        news = drawn.tokens.tolist()
        logprob += float(drawn.logprobs[0])
        if news[0] == model.config.eos_token_id:
            break
        tokens += news
        text = tokenizer.decode(tokens)
        if any(string in text for string in stop):
            yield text[shown : min(text.index(string) for string in stop if string in text)], logprob
            return
        # What may be the beginning of a stop string waits, and so does a character that is not whole yet.
        waits = max((n for string in stop for n in range(len(string)) if text.endswith(string[:n])), default=0)
        if not text.endswith("\N{REPLACEMENT CHARACTER}") and len(text) - waits > shown:
            yield text[shown : len(text) - waits], logprob
            shown, logprob = len(text) - waits, 0.0
    yield tokenizer.decode(tokens)[shown:], logprob


def typed() -> Iterator[str]:
    """Yield what is typed, line by line."""
    while True:
        try:
            yield input("> ")
        except EOFError:
            return


def main(lines: Iterator[str], stop: tuple[str, ...] = (), seed: int = 1) -> None:
    """Answer each line."""
    tokenizer, model = load()
    messages: list[dict[str, str]] = []
    sampler = fs.Sampler(CHAIN, seed=seed)
    for line in lines:
        messages.append({"role": "user", "content": line.strip()})
        answer, total = "", 0.0
        for piece, logprob in stream(model, tokenizer, asked(tokenizer, messages), sampler, stop):
            answer, total = answer + piece, total + logprob
            print(piece, end="", flush=True)
        messages.append({"role": "assistant", "content": answer})
        print(f"\n[log-probability {total:.1f}]")


if __name__ == "__main__":
    main(typed(), tuple(sys.argv[1:]))
