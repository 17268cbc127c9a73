"""`generate` with a processor of ours: the tokens are those that the library draws from the same logits."""

import importlib

import pytest

import fastsoftmax as fs
from tests.integrations.models import llama

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # of the model's packages

CHAIN = "repetition=1.2 top_k=40 min_p=0.02 temperature=1.5"
V, END = 97, 5


def processor(*arguments, **words):
    module = importlib.import_module("fastsoftmax.integrations.transformers")
    return module.SamplerLogitsProcessor(*arguments, **words)


@pytest.fixture(scope="module")
def model():
    return llama(transformers, hidden_size=32, eos_token_id=END, pad_token_id=0)


def expected(model, prompt, seed, length, chain=CHAIN):
    """Return what a loop of one's own adds to a prompt."""
    chain = fs.SamplerChain(chain)
    state, text = chain.start(prompt), list(prompt)
    for step in range(length):
        with torch.inference_mode():
            logits = model(torch.tensor([text])).logits[0, -1].float()
        token, state = fs.sample(logits, samplers=chain, state=state, seed=seed, step=step)
        text.append(int(token))
        if text[-1] == END:
            break
    return text[len(prompt) :]


def generated(model, prompts, length, draws, **words):
    """Return what `generate` adds to prompts of one length, each up to its end."""
    ids = torch.tensor(prompts)
    words = {"do_sample": False, "max_new_tokens": length, "attention_mask": torch.ones_like(ids), **words}
    texts = model.generate(ids, logits_processor=[draws], **words)[:, ids.shape[1] :].tolist()
    return [text[: text.index(END) + 1] if END in text else text for text in texts]


def test_the_tokens_of_a_loop_of_ones_own(model):
    prompts, seeds = [[1, 7, 9], [1, 30, 31], [1, 7, 9], [1, 60, 2]], [3, 4, 5, 6]
    texts = generated(model, prompts, 40, processor(CHAIN, seed=seeds))
    assert texts == [expected(model, *pair, 40) for pair in zip(prompts, seeds, strict=True)]
    assert len({len(text) for text in texts}) > 1  # some end sooner, and the others go on


@pytest.mark.parametrize(
    "words",
    [
        {"do_sample": True, "temperature": 3.0, "top_k": 3, "top_p": 0.1},
        {"do_sample": True, "typical_p": 0.2, "renormalize_logits": True},
        {"prompt_lookup_num_tokens": 3},
        {"prompt_lookup_num_tokens": 3, "do_sample": True},
        {"use_cache": False},
        {"output_logits": True, "output_scores": True, "return_dict_in_generate": False},
    ],
)
def test_whatever_generate_is_told(model, words):
    prompt = [1, 7, 9, 7, 9, 7]
    assert generated(model, [prompt], 40, processor(CHAIN, seed=3), **words) == [expected(model, prompt, 3, 40)]


@pytest.mark.parametrize("sampled", [False, True])
def test_an_assistant_changes_no_token(model, sampled):
    torch.manual_seed(1)
    helper = transformers.LlamaForCausalLM(model.config).eval()
    prompt, words = [1, 7, 9, 7], {"assistant_model": helper, "do_sample": sampled}
    assert generated(model, [prompt], 30, processor(CHAIN, seed=3), **words) == [expected(model, prompt, 3, 30)]
    with pytest.raises(ValueError, match="the texts go back by"):
        generated(model, [prompt], 30, processor("mirostat_2(3.0)", seed=3), **words)


def test_padded_prompts_are_what_they_are_alone(model):
    prompts, seeds = [[1, 7, 9, 30, 12], [1, 8], [1, 9, 3]], [3, 4, 5]
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
    draws = processor(CHAIN, seed=seeds, pad=0)
    texts = model.generate(
        ids, attention_mask=(ids != 0).long(), do_sample=False, max_new_tokens=30, logits_processor=[draws]
    )[:, longest:].tolist()
    for prompt, seed, text in zip(prompts, seeds, texts, strict=True):
        alone = expected(model, prompt, seed, 30)
        assert text[: len(alone)] == alone


def test_it_reads_what_the_processors_before_it_made(model):
    class Only(transformers.LogitsProcessor):
        def __call__(self, input_ids, scores):
            return scores.index_fill(1, torch.arange(10, V), -torch.inf)

    ids = torch.tensor([[1, 7]])
    draws = processor("temperature=2.0", seed=1)
    words = {"do_sample": False, "max_new_tokens": 20, "attention_mask": torch.ones_like(ids), "min_new_tokens": 20}
    text = model.generate(ids, logits_processor=[Only(), draws], **words)[0, 2:].tolist()
    assert max(text) < 10
    assert END not in text
    behind = transformers.TopKLogitsWarper(3)  # what sees one token leaves it
    again = processor("temperature=2.0", seed=1)
    assert model.generate(ids, logits_processor=[Only(), again, behind], **words)[0, 2:].tolist() == text
    with pytest.raises(ValueError, match="row 0 "):
        draws(ids, torch.full((1, V), -torch.inf))


def test_streaming_and_stopping(model):
    class Heard(transformers.generation.BaseStreamer):
        def __init__(self):
            self.tokens, self.ended = [], False

        def put(self, value):
            self.tokens += value.reshape(-1).tolist()

        def end(self):
            self.ended = True

    class After(transformers.StoppingCriteria):
        def __call__(self, input_ids, scores, **_):
            return torch.full((len(input_ids),), input_ids.shape[1] >= 9)

    heard = Heard()
    text = generated(model, [[1, 7, 9]], 40, processor(CHAIN, seed=3), streamer=heard, stopping_criteria=[After()])[0]
    assert text == expected(model, [1, 7, 9], 3, 40)[:6]
    assert heard.tokens == [1, 7, 9, *text]
    assert heard.ended


def test_copies_of_a_prompt(model):
    draws, words = processor(CHAIN, rng=8), {"do_sample": True, "num_return_sequences": 4}
    texts = generated(model, [[1, 7, 9]], 20, draws, **words)
    assert len(set(map(tuple, texts))) == 4
    assert generated(model, [[1, 7, 9]], 20, processor(CHAIN, rng=8), **words) == texts
    assert generated(model, [[1, 7, 9]], 20, draws, **words) != texts
    with pytest.raises(ValueError, match="seed is 3 for 4 rows"):
        generated(model, [[1, 7, 9]], 20, processor(CHAIN, seed=3), **words)


def test_beams_are_refused(model):
    for words in ({"num_beams": 3}, {"num_beams": 2, "do_sample": True}):
        with pytest.raises(ValueError, match=r"num_beams is \d, expected 1"):
            generated(model, [[1, 7, 9]], 20, processor(CHAIN, rng=1), **words)


def test_other_devices_are_refused():
    with pytest.raises(TypeError, match="scores is on meta, expected a CPU tensor"):
        processor(CHAIN, seed=1)(torch.zeros((1, 2), dtype=torch.long), torch.zeros((1, V), device="meta"))


def test_embeddings_and_decoders_with_an_encoder(model):
    prompt = torch.tensor([[1, 7, 9]])
    embeddings = model.get_input_embeddings()(prompt)
    mask, draws = torch.ones_like(prompt), processor("temperature=1.5", seed=3)
    words = {"attention_mask": mask, "do_sample": False, "max_new_tokens": 20}
    text = model.generate(inputs_embeds=embeddings, logits_processor=[draws], **words)[0].tolist()
    assert text == expected(model, [1, 7, 9], 3, 20, "temperature=1.5")
    config = transformers.T5Config(
        vocab_size=V, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4, decoder_start_token_id=0, pad_token_id=0
    )
    torch.manual_seed(2)
    other = transformers.T5ForConditionalGeneration(config).eval()
    texts = [
        other.generate(prompt, logits_processor=[processor(CHAIN, seed=seed)], do_sample=False, max_new_tokens=20)
        for seed in (3, 3, 4)
    ]
    assert texts[0].tolist() == texts[1].tolist() != texts[2].tolist()
