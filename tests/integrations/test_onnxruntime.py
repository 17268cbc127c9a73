"""An exported decoder: the texts are those that transformers' model and the library write together."""

import importlib
import subprocess
import sys

import numpy as np
import pytest

import fastsoftmax as fs
from tests.integrations.models import llama

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # of the model's packages

CHAIN = "repetition=1.2 top_k=40 min_p=0.02 temperature=1.5"
PROMPTS, SEEDS = np.array([[1, 7, 9], [1, 30, 31]]), [3, 4]


def integration():
    return importlib.import_module("fastsoftmax.integrations.onnxruntime")


@pytest.fixture(scope="module")
def model():
    return llama(transformers, hidden_size=64, eos_token_id=2, pad_token_id=2)  # heads of 16, as onnxruntime asks


@pytest.fixture(scope="module")
def session(model, tmp_path_factory):
    file = tmp_path_factory.mktemp("onnx") / "model.onnx"
    importlib.import_module("examples.to_onnx").export(model, file)
    return onnxruntime.InferenceSession(file)


def expected(model, length, seeds=SEEDS):
    """Return what a loop of one's own adds to the prompts."""
    sampler, texts = fs.Sampler(CHAIN, seed=seeds), PROMPTS
    sampler.start(texts)
    for _ in range(length):
        with torch.inference_mode():
            logits = model(torch.tensor(texts))
        texts = np.column_stack([texts, sampler(getattr(logits, "logits", logits)[:, -1])])
    return texts[:, PROMPTS.shape[1] :]


def test_the_tokens_of_a_loop_of_ones_own(model, session):
    steps = list(integration().stream(session, PROMPTS, fs.Sampler(CHAIN, seed=SEEDS), length=30))
    assert np.array_equal(np.column_stack(steps), expected(model, 30))


def test_a_decoder_without_a_cache(tmp_path):
    class Sums(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(1)
            self.embed, self.head = torch.nn.Embedding(97, 16), torch.nn.Linear(16, 97)

        def forward(self, input_ids):
            return self.head(self.embed(input_ids).cumsum(dim=1))

    sums, file = Sums(), tmp_path / "sums.onnx"
    words = {"dynamo": False, "input_names": ["input_ids"], "output_names": ["logits"]}
    axes = {"input_ids": {0: "rows", 1: "length"}}
    torch.onnx.export(sums, (torch.ones(1, 4, dtype=torch.long),), str(file), dynamic_axes=axes, **words)
    session = onnxruntime.InferenceSession(file)
    steps = list(integration().stream(session, PROMPTS, fs.Sampler(CHAIN, seed=SEEDS), length=10))
    assert np.array_equal(np.column_stack(steps), expected(sums, 10))


def test_texts_end_at_a_stop_token(model, session):
    whole = expected(model, 30)
    stop = {int(whole[0, 4]), int(whole[1, 9])}
    lengths = [1 + next(i for i, token in enumerate(row) if token in stop) for row in whole.tolist()]
    steps = np.column_stack(
        [*integration().stream(session, PROMPTS, fs.Sampler(CHAIN, seed=SEEDS), length=30, stop=stop)]
    )
    assert steps.shape[1] == max(lengths)
    alone = [*integration().stream(session, PROMPTS[:1], fs.Sampler(CHAIN, seed=3), length=30, stop=int(whole[0, 4]))]
    assert len(alone) == whole[0].tolist().index(int(whole[0, 4])) + 1
    for row, tokens, length in zip(steps, whole, lengths, strict=True):
        assert row[:length].tolist() == tokens[:length].tolist()
        assert (row[length:] == -1).all()


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ([1, 2], "expected \\(rows, n\\) integers"),
        ([[1.5, 2.0]], "dtype float64"),
        ([[1, 2], [1, 2, 3]], "prompts have 2 and 3 tokens, expected one length"),
    ],
)
def test_bad_prompts(session, prompts, message):
    with pytest.raises(ValueError, match=message):
        next(integration().stream(session, prompts, fs.Sampler(seed=1), length=2))


def test_what_is_no_session_or_sampler(session):
    with pytest.raises(TypeError, match="sampler is of type str, expected a Sampler"):
        next(integration().stream(session, PROMPTS, "top_k=2", length=2))
    with pytest.raises(TypeError, match="session is of type str, expected an InferenceSession"):
        next(integration().stream("model.onnx", PROMPTS, fs.Sampler(seed=1), length=2))


def test_a_decoder_without_logits(tmp_path):
    file = tmp_path / "other.onnx"
    words = {"dynamo": False, "input_names": ["input_ids"], "output_names": ["scores"]}
    torch.onnx.export(torch.nn.Embedding(97, 97), (torch.ones(1, 4, dtype=torch.long),), str(file), **words)
    with pytest.raises(ValueError, match="the outputs \\['scores'\\], expected logits among them"):
        next(integration().stream(onnxruntime.InferenceSession(file), PROMPTS, fs.Sampler(seed=1), length=2))


def test_a_decoder_that_asks_for_more(model, tmp_path):
    class Other(torch.nn.Module):
        def forward(self, input_ids, pixels):
            return input_ids.float() + pixels

    file = tmp_path / "other.onnx"
    words = {"dynamo": False, "input_names": ["input_ids", "pixels"], "output_names": ["logits"]}
    torch.onnx.export(Other(), (torch.ones(1, 4, dtype=torch.long), torch.ones(1, 4)), str(file), **words)
    with pytest.raises(ValueError, match="an input 'pixels'"):
        next(integration().stream(onnxruntime.InferenceSession(file), PROMPTS, fs.Sampler(seed=1), length=2))


def test_a_step_of_genai(model, tmp_path):
    genai = pytest.importorskip("onnxruntime_genai", reason="onnxruntime-genai is not installed")
    pytest.importorskip("onnx_ir", reason="onnx_ir, which the builder of genai wants, is not installed")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({str(i): i for i in range(97)}))
    model.save_pretrained(tmp_path / "model")
    transformers.PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(tmp_path / "model")
    build = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-m", str(tmp_path / "model")]
    subprocess.run([*build, "-o", str(tmp_path / "onnx"), "-p", "fp32", "-e", "cpu"], check=True, capture_output=True)
    built = genai.Model(str(tmp_path / "onnx"))
    params = genai.GeneratorParams(built)
    params.set_search_options(max_length=20, batch_size=2)
    generator, sampler = genai.Generator(built, params), fs.Sampler(CHAIN, seed=SEEDS)
    generator.append_tokens(PROMPTS.astype(np.int32))
    sampler.start(PROMPTS)
    steps = []
    while not generator.is_done() and len(steps) < 10:
        steps.append(integration().draw_next(generator, sampler))
        assert generator.get_next_tokens().tolist() == steps[-1].tolist()
    assert np.array_equal(np.column_stack(steps), expected(model, len(steps)))
