#!/usr/bin/env python3
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes the parts, the adapters and what mergekit and PEFT make of them, for test/e2e/recipes.py.

Parts are tiny random Qwen2 models (test/e2e/parts.py). Merges are those of `mergekit-yaml` and of
peft.utils.merge_utils, merged adapters those of PEFT's merge_and_unload, routers those of
mergekit.moe.router, an FPMoE that of models/nano/train.py; all in f32. Each case is a recipe
CASE.toml and CASE.safetensors, the expected tensors. Needs torch, transformers, peft and mergekit.

    make.py [hidden | adapter NAME ...]

makes all cases, or those of gates from hidden states alone, or those of the adapters of these names
(which need no mergekit).
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import types

os.environ["HF_HUB_OFFLINE"] = "1"

import peft
import torch
import transformers
from peft.utils import merge_utils
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
PARTS = HERE / "parts"
MERGE = [("a", 0.5, 0.3), ("b", 0.7, 0.2), ("c", 1.0, 0.4)]

HEAD = """base = "base"
layout = "qwen2_moe"

[parts]
base = "parts/base"
"""
MIXTURE = """
[[experts]]
name = "one"
part = "{part}"

[shared_expert]
part = "{part}"

[gate]
method = "zeros"
"""


def write(case, text, tensors):
    (HERE / f"{case}.toml").write_text(text)
    save_file({k: v.contiguous().float() for k, v in tensors.items()},
              HERE / f"{case}.safetensors")
    print(f"{case}: {sum(t.numel() for t in tensors.values())} numbers")


def tokenizer(special=(), begin=None):
    """Bytes as they are, then special tokens; `begin` is put before a text."""
    bytes_ = ([*range(33, 127)] + [*range(161, 173)] + [*range(174, 256)])
    letters = {b: chr(b) for b in bytes_}
    for b in range(256):
        letters.setdefault(b, chr(256 + len(letters) - len(bytes_)))
    added = [{"id": 256 + i, "content": token, "single_word": False, "lstrip": False,
              "rstrip": False, "normalized": False, "special": True}
             for i, token in enumerate(special)]
    template = begin and {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": begin, "type_id": 0}},
                   {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {begin: {"id": begin, "ids": [256 + special.index(begin)],
                                   "tokens": [begin]}}}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False,
                          "trim_offsets": True, "use_regex": True},
        "post_processor": template,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True,
                    "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False,
                  "vocab": {letters[b]: b for b in range(256)}, "merges": []},
    }


def make_parts():
    shutil.rmtree(PARTS, ignore_errors=True)
    subprocess.run([sys.executable, HERE.parents[1] / "e2e/parts.py", PARTS, "--hidden", "8",
                    "--vocabulary", "260", "base", "a", "b", "c"], check=True)
    for part in PARTS.iterdir():
        (part / "tokenizer.json").write_text(json.dumps(tokenizer(), ensure_ascii=False))


def part_lines(names):
    return "".join(f'{name} = "parts/{name}"\n' for name in names)


def mergekit(method, parameters, base=PARTS / "base",
             models=tuple((PARTS / name, weight, density) for name, weight, density in MERGE)):
    """The tensors that mergekit makes of the parts."""
    config = {
        "merge_method": method, "dtype": "float32", "parameters": parameters,
        "models": [{"model": str(path),
                    "parameters": {"weight": weight, **({"density": density} if "ties" in method
                                                        else {})}}
                   for path, weight, density in models]}
    if base:
        config["base_model"] = str(base)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "merge.yml").write_text(json.dumps(config))
        program = pathlib.Path(sys.executable).parent / "mergekit-yaml"
        subprocess.run([program, path / "merge.yml", path / "out", "--no-copy-tokenizer"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return load_file(path / "out/model.safetensors")


def merge_text(method, lines, densities):
    rows = ",\n".join(
        f'  {{ part = "{name}", weight = {weight}' +
        (f", density = {density}" if densities else "") + " }" for name, weight, density in MERGE)
    return (HEAD + part_lines("abc") + MIXTURE.format(part="a") +
            f'\n[merge]\nmethod = "{method}"\n{lines}parts = [\n{rows},\n]\n')


def rest(tensors):
    return {k: v for k, v in tensors.items() if ".mlp." not in k and k != "lm_head.weight"}


def make_merges():
    write("linear", merge_text("linear", "", False), rest(mergekit("linear", {}, base=None)))
    write("linear-plain", merge_text("linear", "normalize = false\n", False),
          rest(mergekit("linear", {"normalize": False}, base=None)))
    write("task-arithmetic", merge_text("task_arithmetic", "lambda = 0.8\n", False),
          rest(mergekit("task_arithmetic", {"lambda": 0.8})))
    write("ties", merge_text("ties", "", True), rest(mergekit("ties", {})))
    write("ties-plain", merge_text("ties", "normalize = false\nlambda = 0.6\n", True),
          rest(mergekit("ties", {"normalize": False, "lambda": 0.6})))
    # PEFT's has one density for all.
    base = load_file(PARTS / "base/model.safetensors")
    parts = [load_file(PARTS / name / "model.safetensors") for name, _, _ in MERGE]
    weights = torch.tensor([weight for _, weight, _ in MERGE])
    merged = {k: base[k] + merge_utils.ties([p[k] - base[k] for p in parts], weights, 0.3)
              for k in rest(base)}
    text = merge_text("peft_ties", "", True)
    for _, _, density in MERGE:
        text = text.replace(f"density = {density}", "density = 0.3")
    write("peft-ties", text, merged)


ADAPTERS = {
    "lora": dict(r=2, lora_alpha=4, target_modules=["q_proj", "o_proj", "up_proj", "down_proj"]),
    "lora-rs": dict(r=4, lora_alpha=3, use_rslora=True, target_modules="all-linear",
                    rank_pattern={"k_proj": 2, "layers.1.mlp.up_proj": 3},
                    alpha_pattern={"mlp.gate_proj": 7}),
    "lora-layers": dict(r=2, lora_alpha=8, target_modules=["v_proj", "gate_proj"],
                        layers_to_transform=[1], layers_pattern="layers"),
    "lora-regex": dict(r=2, lora_alpha=5, target_modules=r".*\.(self_attn|mlp)\.[^.]*_proj",
                       exclude_modules=r".*layers\.0\.self_attn.*", fan_in_fan_out=True),
    "lora-saved": dict(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"], bias="all",
                       modules_to_save=["input_layernorm", "norm"]),
    "lora-embedding": dict(r=2, lora_alpha=4, target_modules=["embed_tokens", "k_proj"]),
    "lora-parameters": dict(r=2, lora_alpha=6, target_modules=["k_proj"],
                            target_parameters=["up_proj.weight", "down_proj.weight"]),
    "lora-order": dict(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj", "up_proj"],
                       alpha_pattern={"q_proj": 1, "layers.0.self_attn.q_proj": 16, "^up_proj": 7,
                                      "^model.layers.[01].mlp.up_proj": 3},
                       rank_pattern={".*v_proj": 3, "model.layers.1.self_attn.v_proj": 1}),
    "lora-bias": dict(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"], lora_bias=True),
    "lora-head": dict(r=2, lora_alpha=4, target_modules=["q_proj", "lm_head"],
                      init_lora_weights="orthogonal"),
    "saved-embedding": dict(r=2, lora_alpha=4, target_modules=["q_proj"],
                            modules_to_save=["embed_tokens"]),
}
# On the experts of models of test/golden.
EXPERTS = {
    "experts-qwen3": ("qwen3-moe", dict(
        r=1, lora_alpha=3, target_modules=["k_proj"], rank_pattern={"experts.gate_up_proj": 2},
        target_parameters=["mlp.gate.weight", "experts.gate_up_proj", "experts.down_proj"])),
    "experts-names": ("qwen3-moe", dict(
        r=1, lora_alpha=3, target_modules=["gate_proj", "up_proj", "down_proj"])),
    "experts-mixtral": ("mixtral", dict(
        r=2, lora_alpha=3, use_rslora=True, target_modules=["v_proj"],
        target_parameters=["experts.gate_up_proj", "experts.down_proj", "gate.weight"])),
}


def make_adapter(name, fields, base, seed, separate_ends=False):
    """Writes an adapter with random factors; the model that PEFT folds it into."""
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_pretrained(PARTS / base, dtype=torch.float32)
    adapted = peft.get_peft_model(model, peft.LoraConfig(**fields))
    for key, parameter in adapted.named_parameters():
        if "lora_" in key or "modules_to_save" in key or \
                (key.endswith("bias") and fields.get("bias")):
            parameter.data += 0.2 * torch.randn_like(parameter)
    folder = HERE / "adapters" / name
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    config = folder / "adapter_config.json"
    fields = json.loads(config.read_text())
    fields["base_model_name_or_path"] = os.path.normpath(f"parts/{base}")
    for value in fields.values():
        if isinstance(value, list):
            value.sort()
    # The order inside of patterns has a meaning.
    config.write_text(json.dumps(dict(sorted(fields.items())), indent=2) + "\n")
    fresh = transformers.AutoModelForCausalLM.from_pretrained(PARTS / base, dtype=torch.float32)
    if fresh.config.tie_word_embeddings and separate_ends:
        # Folded into one tensor, what changes one end would change the other.
        fresh.lm_head.weight = torch.nn.Parameter(fresh.lm_head.weight.clone())
        fresh.config.tie_word_embeddings = False
    return peft.PeftModel.from_pretrained(fresh, folder).merge_and_unload()


def make_folded(name, number):
    ends = name in ("lora-head", "saved-embedding")
    merged = make_adapter(name, ADAPTERS[name], "base", number, ends)
    text = (HEAD + f'one = {{ adapter = "adapters/{name}" }}\n' + MIXTURE.format(part="one") +
            '\n[merge]\nmethod = "linear"\nparts = [{ part = "one" }]\n')
    write(name, text, {k: v for k, v in merged.state_dict().items()
                       if ends or k != "lm_head.weight"})


def make_experts(name, number):
    """Some tensors of what PEFT makes of it, called as in the file."""
    base, fields = EXPERTS[name]
    merged = make_adapter(name, fields, f"../../{base}", number).state_dict()
    tensors = {}
    for key, value in merged.items():
        if "layers.1." in key and ("k_proj" in key or "v_proj" in key):
            tensors[key] = value
        if "layers.1.mlp" not in key and "layers.2.mlp" not in key:
            continue
        block = "block_sparse_moe" if base == "mixtral" else "mlp"
        key = key.replace("mlp", block)
        gate, up, down = ("w1", "w3", "w2") if base == "mixtral" else (
            "gate_proj", "up_proj", "down_proj")
        for expert in (1, 3):
            front = key.rsplit(".", 1)[0] + f".{expert}."
            if key.endswith("gate_up_proj"):
                tensors[f"{front}{gate}.weight"], tensors[f"{front}{up}.weight"] = \
                    value[expert].chunk(2)
            elif key.endswith("experts.down_proj"):
                tensors[f"{front}{down}.weight"] = value[expert]
        if key.endswith(f"{block}.gate.weight"):
            tensors[key] = value
    write(name, f'base = "base"\ndtype = "f32"\n\n[parts]\nbase = "../{base}"\n'
          f'one = {{ adapter = "adapters/{name}" }}\n'
          '\n[merge]\nmethod = "linear"\nparts = [{ part = "one" }]\n', tensors)


def make_adapters(names=(*ADAPTERS, *EXPERTS)):
    for name in names:
        shutil.rmtree(HERE / "adapters" / name, ignore_errors=True)
        if name in EXPERTS:
            make_experts(name, 40 + list(EXPERTS).index(name))
        else:
            make_folded(name, list(ADAPTERS).index(name))


def make_gate():
    from mergekit.common import ModelReference
    from mergekit.moe.config import Expert
    from mergekit.moe.router import get_gate_params
    prompts = {"a": (["main = do", "fibonacci :: Int"], ["let rec"]), "b": (["let rec f x ="], [])}
    model = ModelReference.model_validate(str(PARTS / "base"))
    tokens = transformers.PreTrainedTokenizerFast(tokenizer_file=str(PARTS / "base/tokenizer.json"),
                                                  pad_token="!", padding_side="right")
    experts = [Expert(source_model=str(PARTS / name), positive_prompts=own, negative_prompts=other)
               for name, (own, other) in prompts.items()]
    gates = get_gate_params(model, tokens, experts, mode="cheap_embed")
    tensors = {f"model.layers.{layer}.mlp.gate.weight": gates[layer]
               for layer in range(gates.shape[0])}
    text = HEAD + part_lines("ab") + "".join(
        f'\n[[experts]]\nname = "{name}"\nprompts = {json.dumps(own)}\n' +
        (f"negative_prompts = {json.dumps(other)}\n" if other else "")
        for name, (own, other) in prompts.items())
    text += ('\n[shared_expert]\npart = "base"\ngate = { method = "zeros" }\n'
             '\n[gate]\nmethod = "cheap_embed"\n')
    write("cheap-embed", text, tensors)


# The begin and the end of a sequence.
PROMPTED = {"qwen2": (None, "<|endoftext|>"), "mistral": ("<s>", "</s>")}
PROMPTS = {"haskell": (["main = do", "fibonacci :: Integer -> Integer", "import"], []),
           "ocaml": (["let rec f x =", "let () ="], ["main = do", "def main(self):", "x"]),
           "scala": (["object Main extends"], ["trait"])}
SHARED = (["The", "A comment that says why."], [])


def make_prompted_part(kind):
    subprocess.run([sys.executable, HERE.parents[1] / "e2e/parts.py", PARTS, "--type", kind,
                    "--hidden", "8", "--vocabulary", "260", f"prompted-{kind}"], check=True)
    begin, end = PROMPTED[kind]
    part = PARTS / f"prompted-{kind}"
    special = [token for token in (begin, end) if token]
    (part / "tokenizer.json").write_text(
        json.dumps(tokenizer(special, begin), ensure_ascii=False))
    (part / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": begin, "eos_token": end},
        indent=2) + "\n")


class F32Model:
    """mergekit loads models as bf16."""

    @staticmethod
    def from_pretrained(path, **_):
        return transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)


def hidden_gates(kind, mode, prompts):
    """What mergekit.scripts.moe.build makes."""
    from mergekit.common import ModelReference
    from mergekit.moe import router
    from mergekit.moe.config import Expert
    router.AutoModelForCausalLM = F32Model
    part = str(PARTS / f"prompted-{kind}")
    tokens = transformers.AutoTokenizer.from_pretrained(part)
    tokens.padding_side = "left"
    tokens.pad_token_id = tokens.bos_token_id
    if tokens.pad_token_id is None:
        tokens.pad_token = tokens.eos_token
    experts = [Expert(source_model=part, positive_prompts=own, negative_prompts=other)
               for own, other in prompts]
    return router.get_gate_params(ModelReference.model_validate(part), tokens, experts, mode=mode)


def make_hidden():
    for kind in PROMPTED:
        shared = [SHARED] if kind == "qwen2" else []
        for mode in ("hidden", "hidden_avg"):
            gates = hidden_gates(kind, mode, [*PROMPTS.values(), *shared])
            block = "mlp" if shared else "block_sparse_moe"
            tensors = {}
            for layer, rows in enumerate(gates):
                prefix = f"model.layers.{layer}.{block}"
                tensors[f"{prefix}.gate.weight"] = rows[:len(PROMPTS)]
                if shared:
                    tensors[f"{prefix}.shared_expert_gate.weight"] = rows[len(PROMPTS):]
            text = (f'base = "base"\nlayout = "{"qwen2_moe" if shared else "mixtral"}"\n\n[parts]\n'
                    f'base = "parts/prompted-{kind}"\n')
            for name, (own, other) in PROMPTS.items():
                text += (f'\n[[experts]]\nname = "{name}"\npart = "base"\n'
                         f"prompts = {json.dumps(own)}\n" +
                         (f"negative_prompts = {json.dumps(other)}\n" if other else ""))
            if shared:
                text += f'\n[shared_expert]\npart = "base"\nprompts = {json.dumps(SHARED[0])}\n'
            text += f'\n[gate]\nmethod = "{mode}"\n'
            write(f"{mode.replace('_', '-')}-{kind}", text, tensors)


def make_fpmoe():
    """What the training script of nano assembles; the recipe is written by hand."""
    sys.path.insert(0, str(HERE.parents[2] / "models/nano"))
    import model
    import train
    train.Shape = lambda: model.Shape(hidden=8, layers=2)
    parts = {"shared": "base", "haskell": "a", "ocaml": "b", "scala": "c"}
    with tempfile.TemporaryDirectory() as folder:
        options = types.SimpleNamespace(work=pathlib.Path(folder), seed=1)
        for name, part in parts.items():
            torch.save(load_file(PARTS / part / "model.safetensors"),
                       options.work / f"{name}.pt")
        train.assemble(options)
        assembled = torch.load(options.work / "assembled.pt")
    (PARTS / "gate").mkdir()
    save_file({k: v.contiguous() for k, v in assembled.items() if k.endswith(".mlp.gate.weight")},
              PARTS / "gate/model.safetensors")
    write("fpmoe", (HERE / "fpmoe.toml").read_text(), assembled)


def make_mistral():
    """Adapters by PEFT, the rest by mergekit; the recipe is written by hand."""
    parts = HERE.parents[1] / "e2e/parts.py"
    subprocess.run([sys.executable, parts, PARTS, "--type", "mistral", "--hidden", "8",
                    "--vocabulary", "16", "mistral"], check=True)
    languages = ["python", "java", "javascript", "cpp"]
    tensors = {}
    with tempfile.TemporaryDirectory() as folder:
        models = []
        for number, name in enumerate(languages):
            fields = dict(r=2, lora_alpha=4, target_modules="all-linear")
            merged = make_adapter(name, fields, "mistral", 20 + number)
            models.append((pathlib.Path(folder) / name, 0.25, 0.5))
            merged.save_pretrained(models[-1][0])
            for key, value in merged.state_dict().items():
                for role, ours in (("gate", "w1"), ("down", "w2"), ("up", "w3")):
                    key = key.replace(f"mlp.{role}_proj",
                                      f"block_sparse_moe.experts.{number}.{ours}")
                if "experts" in key:
                    tensors[key] = value
        tensors.update(rest(mergekit("ties", {}, PARTS / "mistral", models)))
    write("mistral-x4", (HERE / "mistral-x4.toml").read_text(), tensors)


def main():
    if sys.argv[1:] == ["hidden"]:
        for kind in PROMPTED:
            make_prompted_part(kind)
        make_hidden()
        return
    if sys.argv[1:2] == ["adapter"]:
        make_adapters(sys.argv[2:])
        return
    shutil.rmtree(HERE / "adapters", ignore_errors=True)
    make_parts()
    for kind in PROMPTED:
        make_prompted_part(kind)
    make_merges()
    make_adapters()
    make_gate()
    make_hidden()
    make_fpmoe()
    make_mistral()


if __name__ == "__main__":
    main()
