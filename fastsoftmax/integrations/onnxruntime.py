"""A loop over a decoder that was exported to ONNX, for onnxruntime alone, and a step of onnxruntime-genai's loop."""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

import fastsoftmax as fs

_INTEGERS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def stream(
    session: Any, prompts: Any, sampler: fs.Sampler, /, *, length: int, stop: int | Collection[int] = ()
) -> Iterator[npt.NDArray[np.int64]]:
    """Write texts with an exported decoder, and yield the tokens of each step.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        A decoder with the inputs ``input_ids`` and, where it has them, ``attention_mask``, ``position_ids`` and
        ``past_key_values.*``, and the outputs ``logits`` and ``present.*``: as Optimum exports them, say.
    prompts : array_like of int, shape (rows, n)
        The prompts, of one length: exported decoders differ in how they want padding.
    sampler : Sampler
        What draws. Its history begins anew with these prompts; its step goes on, so that a second call draws other
        tokens. Rows that should be independent need seeds of their own, or `rng`.
    length : int
        How many tokens to write at most, for each row.
    stop : int or collection of int
        Tokens that end a text.

    Yields
    ------
    ndarray of int64, shape (rows,)
        A token a row, its stop token too; -1 in rows that have ended.

    Raises
    ------
    TypeError, ValueError
        For prompts of other shapes, a decoder with other inputs, and as the sampler.

    Notes
    -----
    A decoder with a cache reads each token once, one without reads the whole text for each token.
    """
    if not isinstance(sampler, fs.Sampler):
        raise TypeError(f"sampler is of type {type(sampler).__name__}, expected a Sampler")
    if not hasattr(session, "get_inputs"):
        raise TypeError(f"session is of type {type(session).__name__}, expected an InferenceSession")
    lengths = {len(prompt) for prompt in prompts if np.ndim(prompt)}
    if len(lengths) > 1:
        raise ValueError(f"prompts have {' and '.join(map(str, sorted(lengths)))} tokens, expected one length")
    texts = np.asarray(prompts)
    if texts.ndim != 2 or texts.dtype.kind not in "iu":
        raise ValueError(f"prompts has shape {texts.shape} and dtype {texts.dtype}, expected (rows, n) integers")
    if isinstance(sampler.params, fs.SamplerChain):
        sampler.start(texts)
    past = _empty_past(session, len(texts))
    news, ended = texts.astype(np.int64), np.zeros(len(texts), bool)
    texts = news
    for _ in range(length):
        logits, past = _step(session, texts, news if past else texts, past)
        drawn = sampler(logits)
        yield np.where(ended, -1, drawn)
        ended |= np.isin(drawn, stop if isinstance(stop, int) else [*stop])
        if ended.all():
            return
        news = drawn[:, np.newaxis]
        texts = np.concatenate([texts, news], axis=1)


def draw_next(generator: Any, sampler: fs.Sampler, /) -> npt.NDArray[np.int64]:
    """Draw the next token of each row of an onnxruntime-genai generator, and let the generator take it.

    Use it for ``generator.generate_next_token()``, and go on as ever, with ``is_done`` and a tokenizer's stream.

    Parameters
    ----------
    generator : onnxruntime_genai.Generator
        A generator whose prompts were appended. Its own search must be greedy, as it is by default.
    sampler : Sampler
        What draws. Where its chain asks what came before, ``sampler.start`` takes the prompts.

    Returns
    -------
    ndarray of int64, shape (rows,)
        The tokens.
    """
    logits = generator.get_logits()
    tokens: npt.NDArray[np.int64] = np.asarray(sampler(logits[:, -1]))
    chosen = np.full_like(logits, -np.inf)
    chosen[np.arange(len(tokens)), -1, tokens] = 0.0
    generator.set_logits(chosen)
    generator.generate_next_token()
    return tokens


def _step(session: Any, texts: Any, news: Any, past: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the logits after the texts, of which the decoder has not read `news`, and what it keeps of them."""
    length = texts.shape[1]
    known = {
        "input_ids": news,
        "attention_mask": np.ones_like(texts),
        "position_ids": np.broadcast_to(np.arange(length - news.shape[1], length), news.shape),
    }
    wanted = {one.name: _INTEGERS.get(one.type, np.int64) for one in session.get_inputs() if one.name not in past}
    outputs = ["logits", *(_present(name) for name in past)]
    logits, *presents = session.run(outputs, {name: known[name].astype(wanted[name]) for name in wanted} | past)
    return logits[:, -1], dict(zip(past, presents, strict=True))


def _empty_past(session: Any, rows: int) -> dict[str, Any]:
    """Return the past that a decoder begins with, empty for one without a cache."""
    past, outputs = {}, {one.name for one in session.get_outputs()}
    if "logits" not in outputs:
        raise ValueError(f"the decoder has the outputs {sorted(outputs)}, expected logits among them")
    for one in session.get_inputs():
        if one.name in ("input_ids", "attention_mask", "position_ids"):
            continue
        if not (one.name.startswith("past") and _present(one.name) in outputs and one.type in _DTYPES):
            raise ValueError(f"the decoder has an input {one.name!r} of {one.type}, expected tokens and a past alone")
        _, heads, _, size = one.shape
        if not (isinstance(heads, int) and isinstance(size, int)):
            raise ValueError(f"{one.name} has shape {one.shape}, expected fixed numbers of heads and of their size")
        past[one.name] = np.zeros((rows, heads, 0, size), _DTYPES[one.type])
    return past


def _present(past: str) -> str:
    """Return the output that becomes an input of the next step."""
    return f"present.{past.partition('.')[2]}"
