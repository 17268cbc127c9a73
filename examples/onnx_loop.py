"""A model in ONNX, the loop in NumPy: onnxruntime gives the logits, a chain of samplers draws.

python -m examples.onnx_loop
"""

import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from transformers import DynamicCache

import fastsoftmax as fs
from examples.smollm2 import load
from fastsoftmax.integrations.onnxruntime import stream

PROMPT = "Nepal is a country where"
CHAIN = "repetition=1.1 top_k=50 top_p=0.95 temperature=0.7"


class WithCache(torch.nn.Module):
    """A decoder with its cache as plain inputs and outputs, as exported ones have it."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, attention_mask: Any, position_ids: Any, *past: Any) -> tuple[Any, ...]:
        """Return the logits, and the keys and values of each layer."""
        cache = DynamicCache(list(zip(past[::2], past[1::2], strict=True)))
        found = self.model(input_ids, attention_mask, position_ids, cache)
        return found.logits, *(part for layer in cache.layers for part in (layer.keys, layer.values))


def export(model: Any, file: Path) -> None:
    """Write a decoder of transformers to a file."""
    c = model.config
    heads = (1, c.num_key_value_heads, 3, c.hidden_size // c.num_attention_heads)
    names = [f"past_key_values.{i}.{part}" for i in range(c.num_hidden_layers) for part in ("key", "value")]
    past = [torch.zeros(heads) for _ in names]
    example = torch.ones(1, 2, dtype=torch.long), torch.ones(1, 5, dtype=torch.long), torch.tensor([[3, 4]]), *past
    inputs = ["input_ids", "attention_mask", "position_ids"]
    axes = {name: {0: "rows", 1: f"{name}_length"} for name in inputs} | {
        name: {0: "rows", 2: "past"} for name in names
    }
    outputs = ["logits", *(name.replace("past_key_values", "present") for name in names)]
    with warnings.catch_warnings():  # of tracing: the shapes that it takes for fixed are those of one layer
        warnings.simplefilter("ignore")
        torch.onnx.export(
            WithCache(model),
            example,
            str(file),
            dynamo=False,
            input_names=[*inputs, *names],
            output_names=outputs,
            dynamic_axes=axes,
        )


def main(length: int = 60) -> list[int]:
    """Write a text, token by token, and how fast it came."""
    tokenizer, model = load()
    prompt = tokenizer(PROMPT).input_ids
    with tempfile.TemporaryDirectory() as folder:
        export(model, Path(folder) / "model.onnx")
        session = onnxruntime.InferenceSession(Path(folder) / "model.onnx")
    tokens, start = [], time.perf_counter()
    print(PROMPT, end="")
    for token in stream(session, [prompt], fs.Sampler(CHAIN, seed=1), length=length, stop=[model.config.eos_token_id]):
        tokens.append(int(token[0]))
        print(tokenizer.decode(tokens[-1]), end="", flush=True)
    print(f"\n{len(tokens) / (time.perf_counter() - start):.1f} tokens a second")
    return tokens


if __name__ == "__main__":
    main()
