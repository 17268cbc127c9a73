"""What installed peers make of logits for a history is what our edits make of them, through the presets' own words."""

import ctypes

import numpy as np
import pytest

import fastsoftmax as fs
from fastsoftmax.samplers.chain import SamplerChain
from reference import chain as reference
from tests.samplers import peers

V = 40
DRY = "_Z30llama_sampler_init_dry_testingffiiRKSt6vectorIS_IiSaIiEESaIS1_EE"  # what llama.cpp tests its DRY by


def past_of(generator):
    """Draw a history with repetitions, and how many of its tokens are the prompt."""
    few = int(generator.choice([2, 4, V]))
    history = generator.integers(0, few, size=generator.integers(1, 60))
    if generator.random() < 0.5:
        history = np.tile(history, 2)
    return history, int(generator.integers(0, history.size + 1))


def ours(row, chain, history, prompt):
    state = chain.start(history[:prompt]).accept(history[prompt:])
    return fs.probabilities(row, samplers=chain, state=state)


def some_sequences(generator):
    return [generator.integers(0, 4, size=generator.integers(1, 4)).tolist() for _ in range(generator.integers(1, 5))]


def test_transformers():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    process = pytest.importorskip("transformers.generation.logits_process", reason="transformers is not installed")
    for generator in peers.generators(300, 1):
        history, prompt = past_of(generator)
        row = generator.normal(size=V) * 3
        ids, scores = torch.from_numpy(history)[None], torch.from_numpy(row.copy())[None]
        penalty, size = float(generator.uniform(0.3, 3)), int(generator.integers(1, 5))
        banned = [one for one in some_sequences(generator) if one != [V - 1]]
        biases = {tuple(one): float(generator.normal()) for one in some_sequences(generator)}
        early = int(generator.integers(1, 12))
        choices = {  # words of the preset: a value, the peer's processor and its arguments
            "repetition_penalty": (penalty, "RepetitionPenalty", penalty),
            "encoder_repetition_penalty": (penalty, "EncoderRepetitionPenalty", penalty, ids[:, :prompt]),
            "no_repeat_ngram_size": (size, "NoRepeatNGram", size),
            "encoder_no_repeat_ngram_size": (size, "EncoderNoRepeatNGram", size, ids[:, :prompt]),
            "bad_words_ids": (banned, "NoBadWords", banned, V - 1),
            "sequence_bias": (biases, "SequenceBias", biases),
            "min_length": (early, "MinLength", early, V - 1),
            "min_new_tokens": (early, "MinNewTokensLength", prompt, early, V - 1),
            "suppress_tokens": ([3, 5], "SuppressTokens", [3, 5]),
            "begin_suppress_tokens": ([3, 5], "SuppressTokensAtBegin", [3, 5], prompt),
        }
        for name in generator.permutation([*choices])[:3]:
            value, kind, *words = choices[name]
            if ("encoder" in name and prompt == 0) or (name == "bad_words_ids" and not banned):
                continue
            expected = getattr(process, f"{kind}LogitsProcessor")(*words)(ids, scores.clone())[0].softmax(0).numpy()
            chain = SamplerChain.preset("transformers", top_k=0, eos_token_id=V - 1, **{name: value})
            assert np.allclose(ours(row, chain, history, prompt), expected, rtol=1e-6, atol=0), (name, value, history)


class Vector(ctypes.Structure):
    """A std::vector: where it begins, ends, and where its memory ends."""

    _fields_ = (("first", ctypes.c_void_p), ("last", ctypes.c_void_p), ("end", ctypes.c_void_p))


def vector_of(address, size):
    return Vector(address, address + size, address + size)


def llama_links(library, words):
    """Return the samplers of llama.cpp that some words of its preset ask for, and what must stay alive."""
    pointer = ctypes.c_void_p
    library.llama_sampler_init_penalties.restype = pointer
    library.llama_sampler_init_penalties.argtypes = [*[ctypes.c_int32] * 2, *[ctypes.c_float] * 3]
    library.llama_sampler_accept.argtypes = [pointer, ctypes.c_int32]
    dry = getattr(library, DRY)
    dry.restype = pointer
    dry.argtypes = [ctypes.c_float, ctypes.c_float, ctypes.c_int, ctypes.c_int, ctypes.POINTER(Vector)]
    breakers = [np.array(one, np.int32) for one in words["dry_sequence_breakers"]]
    inner = (Vector * len(breakers))(*(vector_of(one.ctypes.data, one.nbytes) for one in breakers))
    outer = vector_of(ctypes.addressof(inner), ctypes.sizeof(inner))
    penalties = library.llama_sampler_init_penalties(
        V, words["repeat_last_n"], words["repeat_penalty"], words["frequency_penalty"], words["presence_penalty"]
    )
    numbers = words["dry_multiplier"], words["dry_base"], words["dry_allowed_length"], words["dry_penalty_last_n"]
    on = words["dry_multiplier"] > 0  # off it is another sampler, which the constructor for tests takes for this one
    return [penalties, *([dry(*numbers, ctypes.byref(outer))] if on else [])], (breakers, inner, outer)


def test_llama_cpp():
    peer = peers.Llama()
    library = peer.library
    if not hasattr(library, DRY):
        pytest.skip("the library in this wheel of xllamacpp does not export the DRY of llama.cpp for tests")
    for generator in peers.generators(600, 2):
        history, prompt = past_of(generator)
        row = (generator.normal(size=V) * 3).astype(np.float32)

        def number(low, high, generator=generator):
            return float(np.float32(generator.uniform(low, high)))

        words = {
            "repeat_penalty": number(0.5, 2),
            "repeat_last_n": int(generator.choice([0, 1, 5, 64])),
            "frequency_penalty": number(-1, 1),
            "presence_penalty": number(-1, 1),
            "dry_multiplier": float(generator.choice([0.0, 0.75])),
            "dry_base": float(generator.choice([1.0, 1.25, 1.75])),
            "dry_allowed_length": int(generator.integers(1, 4)),
            "dry_penalty_last_n": int(generator.choice([5, 64])),  # 0 aborts the peer
            "dry_sequence_breakers": some_sequences(generator) if generator.random() < 0.5 else [],
        }
        links, _ = llama_links(library, words)
        candidates = np.zeros(V, peer.CANDIDATE)
        candidates["id"], candidates["logit"] = np.arange(V), row
        array = peers._Candidates(candidates.ctypes.data, V, -1, False)
        chain = library.llama_sampler_chain_init(peers._ChainParams(True))
        for link in links:
            library.llama_sampler_chain_add(chain, link)
        for token in history:
            library.llama_sampler_accept(chain, int(token))
        library.llama_sampler_apply(chain, ctypes.byref(array))
        library.llama_sampler_free(chain)
        expected = np.empty(V, np.float32)
        expected[candidates["id"]] = candidates["logit"]
        off = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temp": 1.0}
        found = ours(row, SamplerChain.preset("llama.cpp", **off, **words), history, prompt)
        assert np.allclose(found, fs.softmax(expected), rtol=2e-5, atol=1e-9), (words, history.tolist())


KEEPERS = {  # the peer's constructor, the types of its arguments, what they are, and our chain
    "mirostat": (
        [ctypes.c_int32, ctypes.c_uint32, ctypes.c_float, ctypes.c_float, ctypes.c_int32],
        lambda tau, eta, seed: (V, seed, tau, eta, 100),
        {"mirostat": 1},
    ),
    "mirostat_v2": (
        [ctypes.c_uint32, ctypes.c_float, ctypes.c_float],
        lambda tau, eta, seed: (seed, tau, eta),
        {"mirostat": 2},
    ),
    "adaptive_p": (
        [ctypes.c_float, ctypes.c_float, ctypes.c_uint32],
        lambda target, decay, seed: (target / 10, decay, seed),
        {"top_k": 0, "top_p": 1.0, "min_p": 0.0},
    ),
}


@pytest.mark.parametrize("name", KEEPERS)
def test_llama_cpp_keeps_the_same_number(name):
    """A run of llama.cpp: what it keeps of each row is what ours keeps after its tokens so far."""
    peer = peers.Llama()
    if not hasattr(peer.library, f"llama_sampler_init_{name}"):
        pytest.skip(f"the library in this wheel of xllamacpp does not export {name} of llama.cpp")
    types, arguments, words = KEEPERS[name]
    make = getattr(peer.library, f"llama_sampler_init_{name}")
    make.restype, make.argtypes = ctypes.c_void_p, types
    accept = peer.library.llama_sampler_accept
    accept.restype, accept.argtypes = None, [ctypes.c_void_p, ctypes.c_int32]
    same = total = 0
    for generator in peers.generators(20, 3):
        tau, eta = float(generator.choice([1.0, 3.0, 5.0])), float(generator.choice([0.1, 0.5]))
        numbers = {"mirostat_tau": tau, "mirostat_eta": eta} if "mirostat" in words else {}
        numbers = numbers or {"adaptive_target": tau / 10, "adaptive_decay": eta}
        chain = SamplerChain.preset("llama.cpp", temp=1.0, **words, **numbers)
        sampler, number = make(*arguments(tau, eta, 7)), None
        for _ in range(30):
            row = (generator.normal(size=V) * generator.choice([1.0, 3.0])).astype(np.float32)
            candidates = np.zeros(V, peer.CANDIDATE)
            candidates["id"], candidates["logit"] = np.arange(V), row
            array = peers._Candidates(candidates.ctypes.data, V, -1, False)
            peer.library.llama_sampler_apply(sampler, ctypes.byref(array))
            theirs = np.zeros(V)
            left = candidates[: array.size]
            theirs[left["id"]] = np.exp(left["logit"].astype(float) - left["logit"].max())
            state = chain.start()
            state = state if number is None else state.drawn(np.int64(0), np.array([number], np.float32))
            found = fs.probabilities(row, samplers=chain, state=state)
            token = int(candidates["id"][array.selected])
            total += 1
            overflown = name == "mirostat" and array.size == 1 and (found > 0).all()  # its k is an int of 32 bits
            same += overflown or np.allclose(found, theirs / theirs.sum(), rtol=1e-3, atol=1e-5)
            number = reference.after(row.tolist(), str(chain), token, seed=0, number=number)
            accept(sampler, token)
        peer.library.llama_sampler_free(sampler)
    assert same >= 0.99 * total  # the others are at a boundary, or s is so near to 1 that float32 cancels
