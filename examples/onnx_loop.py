"""A model in ONNX, the loop in NumPy: onnxruntime gives the logits, a chain of samplers draws.

python -m examples.onnx_loop
"""

import tempfile
import time
from pathlib import Path

import onnxruntime

import fastsoftmax as fs
from examples.smollm2 import load
from examples.to_onnx import export
from fastsoftmax.integrations.onnxruntime import stream

PROMPT = "Nepal is a country where"
CHAIN = "repetition=1.1 top_k=50 top_p=0.95 temperature=0.7"


def main(length: int = 60) -> list[int]:
    """Write a text, token by token, and how fast it came."""
    tokenizer, model = load()
    prompt = tokenizer(PROMPT).input_ids
    with tempfile.TemporaryDirectory() as folder:
        export(model, Path(folder) / "model.onnx")
        session = onnxruntime.InferenceSession(Path(folder) / "model.onnx")
    tokens, shown, start = [], "", time.perf_counter()
    print(PROMPT, end="")
    for token in stream(session, [prompt], fs.Sampler(CHAIN, seed=1), length=length, stop=[model.config.eos_token_id]):
        tokens.append(int(token[0]))
        text = tokenizer.decode(tokens)
        if not text.endswith("\N{REPLACEMENT CHARACTER}"):  # a character may take several tokens
            print(text[len(shown) :], end="", flush=True)
            shown = text
    print(f"\n{len(tokens) / (time.perf_counter() - start):.1f} tokens a second")
    return tokens


if __name__ == "__main__":
    main()
