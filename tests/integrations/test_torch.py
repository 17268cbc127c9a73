"""Tensors in and out: the numbers are those of the library, in the dtypes of torch."""

import importlib

import numpy as np
import pytest

import fastsoftmax as fs

torch = pytest.importorskip("torch", reason="torch is not installed")

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.fixture(scope="module")
def functions():
    return importlib.import_module("fastsoftmax.integrations.torch")


@pytest.fixture
def logits():
    return torch.randn(3, 50, generator=torch.Generator().manual_seed(1)) * 3


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp", "probabilities"])
def test_the_numbers_of_the_library(functions, logits, dtype, name):
    logits = logits.to(dtype)
    found = getattr(functions, name)(logits, temperature=0.7)
    assert found.dtype == dtype
    expected = torch.from_numpy(np.asarray(getattr(fs, name)(logits, temperature=0.7))).to(dtype)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("dtype", FLOATS)
def test_out_has_the_same_bits(functions, logits, dtype):
    logits = logits.to(dtype)
    for name in ("softmax", "log_softmax", "probabilities"):
        out = torch.empty_like(logits)
        assert getattr(functions, name)(logits, out=out) is out
        assert torch.equal(out, getattr(functions, name)(logits))


def test_a_dtype_of_torch(functions, logits):
    for name in ("softmax", "log_softmax"):
        function = getattr(functions, name)
        assert function(logits.bfloat16(), dtype=torch.float64).dtype == torch.float64
        assert torch.equal(function(logits, dtype=torch.bfloat16), function(logits).bfloat16())
        exact = function(logits.double(), dtype=torch.float64)
        assert torch.equal(function(logits.double(), dtype=torch.bfloat16), exact.bfloat16())
    assert functions.softmax(torch.arange(4)).dtype == torch.float64
    with pytest.raises(TypeError, match="dtype is int32, expected float16"):
        functions.softmax(logits, dtype=torch.int32)


def test_tokens_and_what_there_is_to_know(functions, logits):
    tokens = functions.sample(logits, seed=[1, 2, 3], top_k=5)
    assert tokens.dtype == torch.int64
    assert tokens.tolist() == fs.sample(logits, seed=[1, 2, 3], top_k=5).tolist()
    out = torch.empty(3, dtype=torch.int64)
    assert functions.sample(logits, seed=[1, 2, 3], top_k=5, out=out) is out
    details = functions.sample(logits.bfloat16(), rng=1, n=4, details=True, kept_set=True, top_logprobs=2)
    expected = fs.sample(logits.bfloat16(), rng=1, n=4, details=True, kept_set=True, top_logprobs=2)
    assert details.logprobs.dtype == torch.float64
    assert np.array_equal(details.logprobs, expected.logprobs)
    assert torch.equal(details.top_logprobs.tokens, torch.from_numpy(expected.top_logprobs.tokens))
    assert np.array_equal(details.kept_set.probabilities, expected.kept_set.probabilities)
    chain = fs.SamplerChain("repetition=1.5")
    tokens, state = functions.sample(logits, samplers=chain, state=chain.start([[1], [], [2, 3]]), rng=1)
    assert [state.history(i)[-1] for i in range(3)] == tokens.tolist()
    assert functions.sample(logits[0], seed=1).shape == ()


def test_gradients_are_not_lost_unnoticed(functions, logits):
    wanted = logits.requires_grad_()
    for name in functions.__all__:
        with pytest.raises(TypeError, match=r"logits requires gradients, expected logits.detach\(\)"):
            getattr(functions, name)(wanted)
        with torch.no_grad():
            getattr(functions, name)(wanted)
        getattr(functions, name)(wanted.detach())


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of torch's compiler
def test_a_compiled_graph_ends_before_it(functions, logits):
    def model(x):
        return functions.softmax(x * 2) + 1

    assert torch.equal(torch.compile(model, backend="eager")(logits), model(logits))

    def whole(x):
        return functions.softmax(x * 2) + 1

    with pytest.raises(Exception, match="the kernels of fastsoftmax are compiled already"):
        torch.compile(whole, backend="eager", fullgraph=True)(logits)


def test_what_is_no_tensor_on_the_cpu(functions, logits):
    with pytest.raises(TypeError, match="logits is on meta, expected a CPU tensor"):
        functions.softmax(logits.to("meta"))
    with pytest.raises(TypeError, match="logits is list, expected a tensor"):
        functions.softmax([1.0, 2.0])
    with pytest.raises(TypeError, match="dim"):
        functions.softmax(logits, dim=1)


def test_help_says_whose_they_are(functions):
    for name in functions.__all__:
        assert getattr(functions, name).__doc__.startswith(f"`fastsoftmax.{name}`, with tensors in and out.")
