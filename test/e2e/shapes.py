#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares the code of tile ops with the reference, on awkward shapes, for every CPU level.

SHAPES are small models of random weights; each aims at some tile ops, and says at which. A model is
imported from a config.json (or written here, where none can say it), and its weights are scaled so
that attention is sharp and routes are far from ties: with those of --random-weights every score is
nearly the same. Its text fills the context. Code of other levels runs as emulation.py says, that of
aarch64 in QEMU. The checks, each in steps of 1, 7 and all tokens:
  reference  the logits are those of fpmoe-eval, which runs the graph whose weights are rounded as
             the program's. Code that multiplies in f32, which is all but that of bf16 on levels
             that sum products of bf16, differs by the order of sums alone: by 2e-5 of the largest
             logit at most (7e-6 was seen, where sums have 4133 terms; else 2e-6). The others round
             what they multiply to 8 bits, too: logits of the typical token differ by 1e-2 of its
             largest at most, and those of all by 3e-2 of the largest (1e-2 was seen), unless a
             token was routed to other experts, that are nearly as good. So do those that keep keys
             and values as bf16: of shapes that aim at attention, all but those of f32 and f16.
             Integers multiply rows that are rounded to 8 bits, with a scale for each 32 elements:
             logits of the typical token differ by 6e-2 of its largest at most;
  levels     integers are summed exactly, and groups in one order: all levels give the same bits,
             but for those that sum products of bf16 in attention over keys and values of bf16;
  routes     the experts that are recorded are the reference's; where what is multiplied is rounded,
             nine in ten;
  ranks      several processes give the same bits as one that has all shards;
  native, same-bits, company, fill, address
             as emulation.py says, with 1, 2, 5 and 16 workers: more than there are tiles. In QEMU
             with 1, 2 and 5, without company and the address sanitizer.
And every tile op of dialects/Mega is one that some shape aims at, and is in its program.

Without arguments everything is checked, which takes hours of one CPU; with --selection, most
shapes in one format and on one level, a minute. Prints a line for each check; exits
with 1 when one fails, with 2 for wrong usage. Needs Python, GCC, and opt and llc of LLVM; for
aarch64 its GCC and QEMU.
"""

import array
import copy
import json
import re
import shutil
import statistics
import sys

import emulation
from emulation import BASE, run
from golden import ROOT, difference, floats
from low_rank_graph import low_rank

sys.path.insert(0, str(ROOT / "test" / "golden"))
from cases import family  # noqa: E402, the path is needed first

FORMATS = ("f32", "bf16", "f16", "int8", "uint4", "int4")
INTEGERS = ("int8", "uint4", "int4")
ATTENTION = {"attention", "attend_span", "merge_spans"}
AARCH64 = ("aarch64", "aarch64-dotprod", "aarch64-bf16")
LEVELS = (*emulation.LEVELS, *AARCH64)
EXACT_BOUND, TYPICAL_BOUND, ROUNDED_BOUND, ROUNDED_ROUTES = 2e-5, 1e-2, 3e-2, 0.9
INTEGER_BOUND = 6e-2


class Shape:
    """A model and the tile ops that it aims at.

    `config` is that of config.json, or a graph; `selected` are the format and the level of
    --selection, if it has the shape; `flags` are the compiler's. `text` is "languages", where its
    tokens have some, "whole", where its segments are routed as published, or "layer-inputs", where
    the program gives those; `router` is the size of the router's scores.
    """

    def __init__(self, name, aims, why, config, selected, flags=(), text="", router=3.0):
        self.name, self.aims, self.why, self.config = name, set(aims.split()), why, config
        self.selected, self.flags, self.text, self.router = selected, flags, text, router


def llama(hidden, heads, kv, head_dim, vocab, width, context, **rest):
    return family("Llama", "llama", hidden, heads, kv, vocab, width, head_dim=head_dim,
                  max_position_embeddings=context, **rest)


def qwen3(hidden, heads, kv, head_dim, vocab, width, context, **rest):
    return family("Qwen3", "qwen3", hidden, heads, kv, vocab, width, head_dim=head_dim,
                  max_position_embeddings=context, **rest)


def qwen2_moe(hidden, vocab, context, experts, top_k, width, shared, **rest):
    return family("Qwen2Moe", "qwen2_moe", hidden, 2, 1, vocab, 8, head_dim=6,
                  max_position_embeddings=context, num_experts=experts, num_experts_per_tok=top_k,
                  moe_intermediate_size=width, shared_expert_intermediate_size=shared,
                  decoder_sparse_step=1, mlp_only_layers=[], **rest)


def multipl(**rest):
    return family("MultiPLMoe", "multipl_moe", 20, 2, 1, 33, ..., head_dim=6,
                  max_position_embeddings=33, moe_intermediate_size=17, **rest)


SEGMENTS = {"num_token_experts": 3, "num_segment_experts": 5, "segment_length": 5,
            "segment_capacity": 1.5, "max_experts_per_segment": 2}

SHAPES = [
    Shape("one-column", "embed norm linear expert_up expert_down",
          "hidden and intermediate size 1; a large epsilon, or norms would be signs",
          llama(1, 1, 1, 2, 3, 1, 17, rms_norm_eps=1.0), "bf16/avx512-bf16"),
    Shape("one-position", "rope attention",
          "a context of one token",
          llama(15, 1, 1, 2, 33, 16, 1), "f32/x86-64-v3"),
    Shape("tails", "embed norm qkv linear",
          "sizes one above those of vectors and of pairs of panels; biases; several groups of "
          "blocks, the last token alone in its block",
          llama(33, 3, 1, 10, 65, 17, 205, attention_bias=True), "bf16/avx512-bf16"),
    Shape("no-tails", "embed norm qkv attention attend_span linear expert_up expert_down",
          "sizes of whole vectors and panels",
          llama(64, 4, 2, 16, 128, 64, 64), "int8/amx-bf16", ["--prefill-tokens=64"]),
    Shape("narrow-heads", "rope qkv attention",
          "heads of 2 columns, with norms, each with keys of its own; yarn, of one frequency",
          qwen3(17, 5, 5, 2, 33, 33, 40, rope_scaling={
              "type": "yarn", "factor": 4.0, "original_max_position_embeddings": 10}),
          "f16/aarch64"),
    Shape("wide-heads", "rope qkv attention attend_span merge_spans",
          "heads of 80 columns: five vectors, one more than are made at a time",
          qwen3(20, 6, 2, 80, 33, 18, 45), "f16/avx512"),
    Shape("one-group", "attention attend_span merge_spans",
          "13 heads that share keys: more than are done at a time, and no multiple of it",
          llama(18, 13, 1, 6, 33, 15, 70), "int4/x86-64-v3"),
    Shape("window", "attention attend_span",
          "a window of 5, shorter than steps, longer than some",
          family("Mistral", "mistral", 22, 3, 1, 33, 16, head_dim=14, sliding_window=5,
                 max_position_embeddings=90), "f32/avx512"),
    Shape("window-of-one", "attention",
          "each token sees itself alone",
          family("Mistral", "mistral", 12, 2, 2, 33, 16, head_dim=6, sliding_window=1,
                 max_position_embeddings=37), ""),
    Shape("spans", "attention attend_span merge_spans",
          "a text of three spans, the last of one position",
          llama(12, 3, 1, 6, 33, 5, 1025), "bf16/avx512"),
    Shape("spans-and-window", "attention attend_span merge_spans",
          "a window of more than a span, which leaves the first ones",
          family("Mistral", "mistral", 12, 2, 2, 33, 5, head_dim=6, sliding_window=530,
                 max_position_embeddings=1100), "f32/x86-64-v3"),
    Shape("row-norms", "heads linear expert_up expert_down",
          "norms of whole rows, clipped; an odd number of heads",
          family("Olmoe", "olmoe", 30, 3, 1, 33, 5, num_experts=3, num_experts_per_tok=2,
                 norm_topk_prob=True, clip_qkv=0.75, max_position_embeddings=37),
          "bf16/avx512-bf16"),
    Shape("latent", "heads attention merge_spans linear route record_routes",
          "values narrower than keys, of which 2 columns turn; latents of 7 and 5; groups of "
          "experts; a dense layer before",
          family("DeepseekV2", "deepseek_v2", 34, 3, 3, 65, 33, num_experts_per_tok=3,
                 q_lora_rank=7, kv_lora_rank=5, qk_nope_head_dim=6, qk_rope_head_dim=2,
                 v_head_dim=6, n_routed_experts=6, n_shared_experts=1, moe_intermediate_size=3,
                 first_k_dense_replace=1, n_group=3, topk_group=2, attention_bias=True,
                 topk_method="group_limited_greedy", norm_topk_prob=False,
                 routed_scaling_factor=2.5, max_position_embeddings=37),
          "bf16/amx-bf16"),
    Shape("all-experts", "route record_routes group gather expert_up expert_down",
          "five of five experts, of one column; a wider shared one with a gate",
          qwen2_moe(33, 33, 40, 5, 5, 1, 33, norm_topk_prob=False),
          "int8/x86-64-v3"),
    Shape("one-expert", "route group gather expert_up expert_down",
          "one expert, and no shared one",
          qwen2_moe(31, 33, 37, 1, 1, 17, 0, norm_topk_prob=False), "int8/aarch64-dotprod"),
    Shape("idle-experts", "route group gather expert_up expert_down",
          "61 experts for 25 tokens, most without one",
          family("Mixtral", "mixtral", 18, 2, 1, 65, 5, num_local_experts=61, head_dim=6,
                 num_experts_per_tok=2, max_position_embeddings=25, sliding_window=None),
          "bf16/amx-bf16"),
    Shape("crowded-expert", "group gather expert_up expert_down",
          "the router says the same of all experts: the first one takes all tokens, as many as "
          "a step has at most",
          family("Qwen3Moe", "qwen3_moe", 34, 2, 1, 33, 8, head_dim=6, num_experts=4,
                 num_experts_per_tok=1, norm_topk_prob=False, moe_intermediate_size=33,
                 decoder_sparse_step=1, mlp_only_layers=[], max_position_embeddings=37),
          "", ["--prefill-tokens=37"], router=0.0),
    Shape("multipliers", "embed qkv linear route expert_up expert_down",
          "multipliers of embedding, scores, residuals and logits; a shared expert without a gate",
          family("GraniteMoeShared", "granitemoeshared", 18, 3, 1, 65, 16, num_local_experts=4,
                 num_experts_per_tok=3, shared_intermediate_size=19, embedding_multiplier=3.0,
                 residual_multiplier=0.5, attention_multiplier=0.4, logits_scaling=0.5,
                 attention_bias=True, max_position_embeddings=37), "bf16/avx512"),
    Shape("some-languages", "route record_routes",
          "experts of two of four languages",
          qwen2_moe(20, 33, 37, 4, 2, 17, 5, norm_topk_prob=True,
                    fpmoe={"expert_names": ["a", "b", "c", "d"]}),
          "uint4/amx-bf16", ["--languages=d,b"]),
    Shape("one-language", "route record_routes group",
          "no router: every token takes the one expert that is left",
          qwen2_moe(20, 33, 37, 3, 2, 17, 5, norm_topk_prob=True,
                    fpmoe={"expert_names": ["a", "b", "c"]}),
          "bf16/x86-64-v3", ["--languages=b"]),
    Shape("long-products", "expert_down",
          "experts so wide that their second product is made in parts, the last a short one",
          family("Mixtral", "mixtral", 5, 1, 1, 33, 4133, num_local_experts=2, head_dim=6,
                 num_experts_per_tok=1, max_position_embeddings=17, sliding_window=None),
          "f32/x86-64-v3"),
    Shape("long-groups", "expert_down",
          "more groups of integers than tile registers multiply at a time, the last a short one",
          llama(33, 3, 1, 10, 65, 1061, 37), "int8/amx-bf16"),
    Shape("two-ranks", "embed qkv linear reduce exchange expert_up expert_down",
          "two processes, each with two of four shards; narrow experts are filled up with zeros, "
          "a vocabulary of which the second has the smaller part",
          family("Qwen2Moe", "qwen2_moe", 33, 4, 2, 67, 8, head_dim=16, max_position_embeddings=40,
                 num_experts=3, num_experts_per_tok=2, moe_intermediate_size=40,
                 shared_expert_intermediate_size=130, decoder_sparse_step=1, mlp_only_layers=[],
                 norm_topk_prob=True), "bf16/x86-64-v3", ["--ranks=2"]),
    Shape("four-ranks", "reduce exchange",
          "four processes with a shard each, two of which share keys and values; a bias and "
          "multipliers, which belong to the sum; networks of which the last ranks have zeros alone",
          family("GraniteMoeShared", "granitemoeshared", 128, 8, 2, 65, 16, num_local_experts=4,
                 num_experts_per_tok=3, shared_intermediate_size=19, embedding_multiplier=3.0,
                 residual_multiplier=0.5, attention_multiplier=0.4, logits_scaling=0.5,
                 attention_bias=True, max_position_embeddings=37),
          "int8/x86-64-v3-vnni", ["--ranks=4"]),
    Shape("one-rank", "reduce", "all shards in one process",
          llama(49, 6, 2, 32, 65, 70, 37, attention_bias=True), "f32/avx512", ["--ranks=1"]),
    Shape("split-segments", "segment_choose exchange",
          "segments of two processes",
          family("MultiPLMoe", "multipl_moe", 20, 4, 2, 33, ..., head_dim=16,
                 max_position_embeddings=33, moe_intermediate_size=17, **SEGMENTS),
          "f32/x86-64-v3", ["--ranks=2"]),
    Shape("segments", "route segment_scores segment_choose group",
          "segments of 5 tokens, of which the last one stays open",
          multipl(**SEGMENTS), "f32/avx512"),
    Shape("whole-text", "segment_scores segment_choose",
          "segments routed as published",
          multipl(**SEGMENTS), "bf16/x86-64-v3", text="whole"),
    Shape("low-rank", "low_rank qkv linear expert_up expert_down",
          "ranks 0, 1 and 17; tokens change their language",
          low_rank(20, 18, 33, 40, [0, 1, 17], [17, 0, 1], [1, 17, 0], [0, 0, 1]),
          "int4/amx-bf16", text="languages"),
    Shape("split-low-rank", "low_rank quantize linear expert_down exchange",
          "two processes, each with two of four shards, which are widened each for itself",
          low_rank(20, 70, 33, 40, [0, 1, 17], [17, 0, 1], [1, 17, 0], [2, 0, 33], 4, 2, 32),
          "int4/x86-64-v3", ["--ranks=2"], text="languages"),
    Shape("split-row-norms", "squares heads exchange",
          "norms of whole rows over two processes; the rows of k are shorter",
          family("Olmoe", "olmoe", 128, 4, 2, 33, 5, num_experts=3, num_experts_per_tok=2,
                 norm_topk_prob=True, clip_qkv=0.75, max_position_embeddings=37),
          "bf16/avx512-bf16", ["--ranks=2"]),
    Shape("split-latent", "heads attention exchange",
          "latents of 7 and 5 that four processes have whole; values wider than keys",
          family("DeepseekV2", "deepseek_v2", 34, 4, 4, 65, 33, num_experts_per_tok=3,
                 q_lora_rank=7, kv_lora_rank=5, qk_nope_head_dim=6, qk_rope_head_dim=2,
                 v_head_dim=32, n_routed_experts=6, n_shared_experts=1, moe_intermediate_size=3,
                 first_k_dense_replace=1, n_group=3, topk_group=2, attention_bias=True,
                 topk_method="group_limited_greedy", norm_topk_prob=False,
                 routed_scaling_factor=2.5, max_position_embeddings=37),
          "f32/x86-64-v3", ["--ranks=4"]),
    Shape("layer-inputs", "keep_rows",
          "what goes into three layers of 17 columns",
          llama(17, 2, 1, 6, 33, 16, 37, num_hidden_layers=3), "f32/avx512", text="layer-inputs"),
]


def scaled(ir, router):
    """The IR of a model whose random weights keep the size of what they multiply."""
    def scale(match):
        name, between, stddev, sizes = match.groups()
        columns = int(sizes.split("x")[-1])
        if name.endswith("bias"):
            stddev = 0.3
        elif "embed" in name:
            stddev = 1.0
        elif "norm" not in name:
            is_router = re.search(r"\.(gate|router\.layer)\.weight$", name)
            sharp = re.search(r"\.[qk]_(b_)?proj\.weight$", name)
            stddev = (router if is_router else 1.3 if sharp else 1.0) / columns ** 0.5
        return f'fpmoe.random "{name}"{between} stddev {float(stddev):.6e} : tensor<{sizes}xf32>'

    return re.sub(r'fpmoe\.random "([^"]+)"(.*?) stddev (\S+) : tensor<([\dx]+)xf32>', scale, ir)


class ShapeModel(emulation.Model):
    """A shape in one format, and its checks."""
    workers = (1, 2, 5, 16)

    def __init__(self, bench, shape, weights):
        super().__init__(bench, shape.name, None, weights)
        self.shape, self.ops = shape, set()
        self.cache = "bf16" if shape.aims & ATTENTION and weights not in ("f32", "f16") else "f32"
        self.flags = (*shape.flags, f"--cache={self.cache}")
        self.of_levels = {}  # logits of integers, by the size of steps
        self.alone = {}  # the same model in one process, by level
        self.aims = shape.aims | ({"quantize"} if weights in INTEGERS else set())
        self.source = self.work / "model.mlir"
        if bench.options.selection:
            self.levels = [level for level in self.levels if f"{weights}/{level}" == shape.selected]

    def prepare(self):
        if not self.levels:
            return
        config = self.shape.config
        if isinstance(config, str):
            self.source.write_text(config)
        else:
            folder = self.work / "config"
            folder.mkdir(exist_ok=True)
            (folder / "config.json").write_text(json.dumps(config))
            run(self.options.fpmoe_compile, folder, "--random-weights=1", "--compile-to=import",
                "-o", self.source)
            self.source.write_text(scaled(self.source.read_text(), self.shape.router))
        self.count = int(re.search(r"context = (\d+)", self.source.read_text())[1])
        vocabulary = int(re.search(r"@main\(.*tensor<\?x(\d+)xf32>",
                                   self.source.read_text())[1])
        self.ids = self.long = self.work / "ids"
        self.ids.write_text(" ".join(str(i * (i + 29) % vocabulary) for i in range(self.count)))
        self.chunks = sorted({1, 7, self.count})
        flags = []
        if self.shape.text == "languages":
            languages = self.work / "languages"
            languages.write_text(" ".join(str(i * i // 3 % 3 - 1) for i in range(self.count)))
            flags, self.extras = ["--languages", languages], [f"languages={languages}"]
            self.scoring = ["--token-languages", languages]
        elif self.shape.text == "whole":
            flags, self.extras, self.scoring = ["--whole-text"], ["whole"], ["--whole-text"]
            self.chunks = [self.count]
        self.graph, logits = self.work / "quantized.mlir", self.work / "expected"
        self.compile("--compile-to=quantize", "-o", self.graph)
        schedule = self.work / "schedule.mlir"
        self.compile(f"--cpu={BASE}", "--compile-to=schedule", "-o", schedule)
        self.ops = set(re.findall(r"\bmega\.(\w+)", schedule.read_text()))
        if self.shape.text == "layer-inputs":
            self.wanted, self.routes_wanted = self.layer_inputs(), {}
            return
        self.evaluate_routes(self.graph, logits, *flags)
        self.wanted = floats(logits)

    def layer_inputs(self):
        """Of each token, the rows that go into the layers, one after the other."""
        rows = []
        ir = self.graph.read_text()
        order = re.search(r"(%\w+) = fpmoe.layers (%\w+),.* order (\[.*\]) : (\S+)", ir)
        for layer, _ in enumerate(json.loads(order[3])):
            part, out = self.work / "part.mlir", self.work / "part"
            last = order[1] if layer else order[2]
            text = ir.replace(f"order {order[3]}", f"order {[0] * max(layer, 1)}")
            text = re.sub(r"(@main\(.*-> )tensor<.*?>", rf"\g<1>{order[4]}", text)
            text = re.sub(r"(fpmoe.layers .*\n)[^}]*}", rf"\1return {last} : {order[4]}\n}}", text)
            part.write_text(text)
            self.evaluate(part, out)
            rows.append(self.tokens(floats(out)))
        return array.array("f", (x for token in zip(*rows) for row in token for x in row))

    def compile(self, *flags):
        cpu = next((flag for flag in flags if str(flag).startswith("--cpu=")), None)
        if self.shape.text != "layer-inputs" or not cpu:
            return super().compile(*flags)
        # No option of the compiler asks for these: the schedule is made by fpmoe-opt.
        plain, mine, made = (self.work / name for name in ("plain", "mine.mlir", "made.mlir"))
        super().compile(cpu, "--compile-to=schedule", "-o", plain)
        target = re.search(r"mega\.target = #mega\.target<.*?>", plain.read_text())[0]
        graph = self.graph.read_text()
        mine.write_text(graph.replace("attributes {", f"attributes {{{target}, ", 1))
        run(self.options.fpmoe_compile.with_name("fpmoe-opt"), mine,
            "--fpmoe-schedule=prefill-tokens=64 layer-inputs", "-o", made)
        run(self.options.fpmoe_compile, made, f"--weights={self.weights}", *flags)
        return None

    def build(self, level):
        if level not in AARCH64:
            self.runner, self.workers = (), ShapeModel.workers
            return super().build(level)
        if (first := self.same_code(self.code(level), level)) != level:
            return first
        # 16 workers that wait for each other take QEMU long.
        self.runner, self.workers = ("qemu-aarch64", "-cpu", "max"), (1, 2, 5)
        self.pack(level)
        code = self.work / "aarch64.o"
        self.compile(f"--cpu={level}", "--compile-to=object", "-o", code)
        run("aarch64-linux-gnu-gcc", "-static", "-pthread", "-O1", f"-I{ROOT / 'include'}",
            emulation.HERE / "StepDriver.c", code, "-o", self.driver)
        return None

    def check(self, level):
        tools = ("qemu-aarch64", "aarch64-linux-gnu-gcc")
        if level in AARCH64 and not all(map(shutil.which, tools)):
            return self.report(True, level, "skipped:", f"there is no {' or no '.join(tools)}")
        return super().check(level)

    def can(self, check, level):
        # QEMU has no address sanitizer, and takes minutes for company, of which nothing is a level's.
        # Programs of several processes need MPI.
        return super().can(check, level) and not (
            level in AARCH64 and check in ("address", "company") or
            self.ranks > 1 and check == "native")

    @property
    def sums_pairs(self):
        """Whether the level sums products of bf16."""
        return self.level in (*emulation.MEANT["bf16"], "aarch64-bf16")

    @property
    def rounds(self):
        return self.cache == "bf16" or (self.weights == "bf16" and self.sums_pairs)

    def reference(self, chunk):
        got = array.array("f", self.logits(chunk))
        largest = difference(got, self.wanted)
        if not self.rounds and self.weights not in INTEGERS:
            return largest <= EXACT_BOUND, f"{largest:.1g}"
        typical = statistics.median(map(difference, self.tokens(got), self.tokens(self.wanted)))
        if self.weights in INTEGERS:
            return typical <= INTEGER_BOUND, f"{largest:.1g}, typically {typical:.1g}"
        good = largest <= ROUNDED_BOUND or bool(self.rerouted(chunk))
        return typical <= TYPICAL_BOUND and good, f"{largest:.1g}, typically {typical:.1g}"

    def levels_agree(self, chunk):
        if self.weights not in INTEGERS:
            return True, "not of integers"
        if self.cache == "bf16" and self.sums_pairs:
            return True, "attention is rounded"
        got = self.logits(chunk)
        first = self.of_levels.setdefault(chunk, got)
        return got == first, "equal" if got == first else "other bits than the first level's"

    def routes(self, chunk):
        if not self.routes_wanted or self.weights in INTEGERS:
            return True, "none"
        same = len(self.routes_wanted) - len(self.rerouted(chunk))
        least = len(self.routes_wanted) * (ROUNDED_ROUTES if self.rounds else 1)
        return same >= least, f"{same} of {len(self.routes_wanted)}"

    @property
    def ranks(self):
        return next((int(flag.split("=")[1]) for flag in self.shape.flags
                     if flag.startswith("--ranks=")), 0)

    def ranks_agree(self, chunk):
        if self.ranks < 2:
            return True, "none"
        alone = self.alone.get(self.level)
        if not alone:
            shape = copy.copy(self.shape)
            shape.name += "-alone"
            shape.flags = [flag for flag in shape.flags if "--ranks" not in flag] + ["--ranks=1"]
            alone = self.alone[self.level] = ShapeModel(self.bench, shape, self.weights)
            alone.levels, alone.level = [self.level], self.level
            alone.prepare()
            alone.build(self.level)
        found = self.differing(self.logits(chunk), alone.logits(chunk))
        return not found, found or "equal"

    CHECKS = {"reference": reference, "routes": routes, "ranks": ranks_agree,
              "levels": levels_agree,
              **emulation.Model.CHECKS}


def coverage(models):
    """Whether shapes aim at all tile ops, and their programs have what they aim at."""
    files = sorted((ROOT / "dialects" / "Mega").glob("*.td"))
    known = {name for path in files
             for name in re.findall(r'Mega_TileOp<"(\w+)"', path.read_text())}
    results, aimed = [], set()
    for model in models:
        if model.ops and (absent := model.aims - model.ops):
            results.append((False, f"FAIL {model.name}: its program has no {', '.join(absent)}"))
        aimed |= model.aims & model.ops
    missing = ", ".join(sorted(known - aimed))
    results.append((bool(known) and not missing,
                    f"FAIL tile ops at which no shape aims: {missing}" if missing
                    else f"ok   shapes aim at all of {len(known)} tile ops"))
    return results


def arguments():
    parser = emulation.make_parser(__doc__, FORMATS, ShapeModel.CHECKS, LEVELS)
    names = [shape.name for shape in SHAPES]
    parser.add_argument("shapes", nargs="*", metavar="SHAPE",
                        help=f"some of {', '.join(names)} (default: all, and whether each tile op "
                        "has one)")
    parser.add_argument("--selection", action="store_true",
                        help="shapes that name a format and a level, in that alone")
    options = emulation.parse(parser)
    if unknown := sorted(set(options.shapes) - set(names)):
        parser.error(f"no such shape: {', '.join(unknown)}; there are {', '.join(names)}")
    return options


def main():
    options = arguments()

    def make(bench):
        return [ShapeModel(bench, shape, weights) for shape in SHAPES
                if not options.shapes or shape.name in options.shapes
                for weights in options.weights]

    whole = not options.shapes and (not options.selection or (options.cpu, options.weights)
                                    == (LEVELS, FORMATS))
    return emulation.check_models(options, make, coverage if whole else None)


if __name__ == "__main__":
    sys.exit(main())
