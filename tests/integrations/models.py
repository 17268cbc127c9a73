"""A small model of transformers with random weights, the same each time."""

from typing import Any


def llama(transformers: Any, **words: Any) -> Any:
    """Return a decoder of two layers over 97 tokens, whose logits are far from equal."""
    import torch

    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=97,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=1,
        initializer_range=0.5,
        **words,
    )
    return transformers.LlamaForCausalLM(config).eval()
