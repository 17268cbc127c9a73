"""A decoder of transformers as a file in ONNX, with its cache as plain inputs and outputs."""

import warnings
from pathlib import Path
from typing import Any

import torch
from transformers import DynamicCache


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
