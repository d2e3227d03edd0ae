"""Routers for the mixtures of the recipes, trained on what the assembled and frozen
mixture computes: the cross entropy of the gate's softmax against the text's language.

While the gate learns, every token goes to the expert of its language, so that all
layers can learn at once."""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import shutil
import subprocess
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

import data

HERE = Path(__file__).resolve().parent
WINDOW, ROWS = 256, 16
BATCHES = 8  # 6 to learn from, 2 to measure
EPOCHS = 12


def assemble(options, name):
    """The mixture with a gate of zeros, as transformers loads it."""
    gate = options.out / name / "gate"
    gate.mkdir(parents=True, exist_ok=True)
    adapters = [p.name for p in (options.out / name).iterdir() if p.name != "gate"]
    shape = load_file(options.out / "base/model.safetensors")
    layers = sum(".input_layernorm." in key for key in shape)
    block = "block_sparse_moe" if name == "mistral-x4" else "mlp"
    experts = len([a for a in adapters if a != "shared"])
    hidden = shape["model.norm.weight"].shape[0]
    names = [f"model.layers.{layer}.{block}.gate.weight" for layer in range(layers)]
    save_file({n: torch.zeros(experts, hidden) for n in names},
              gate / "model.safetensors")
    folder = options.work / f"{name}-assembled"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([options.compiler, HERE / f"{name}.toml", "--emit=checkpoint",
                    "-o", folder], check=True)
    return folder, names


def direct(gates, languages_of_rows):
    """Sends each row to its own expert, and keeps what the gates read."""
    inputs = [None] * len(gates)

    def hook(layer):
        def run(module, arguments, output):
            inputs[layer] = arguments[0].reshape(-1, arguments[0].shape[-1])
            logits, scores, indices = output
            own = languages_of_rows.repeat_interleave(WINDOW)
            # The others of a token's experts are any, with no weight.
            offsets = torch.arange(indices.shape[-1])
            directed = (own[:, None] + offsets) % logits.shape[-1]
            return logits, (offsets == 0).to(scores).expand_as(scores), directed
        return run
    for layer, gate in enumerate(gates):
        gate.register_forward_hook(hook(layer))
    return inputs


def learn(inputs, labels, experts, seed):
    """Softmax regression."""
    torch.manual_seed(seed)
    weight = torch.zeros(experts, inputs.shape[1], requires_grad=True)
    steps = EPOCHS * (len(inputs) // 512)
    optimizer = torch.optim.AdamW([weight], lr=1e-2, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        rows = torch.randint(len(inputs), (512,))
        loss = F.cross_entropy(inputs[rows] @ weight.t(), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return weight.detach()


def train(options, name, languages):
    import transformers
    transformers.logging.set_verbosity_error()
    folder, names = assemble(options, name)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32).eval()
    gates = [m for path, m in model.named_modules() if path.endswith(".gate")]
    of_rows = torch.arange(ROWS) % len(languages)
    batches = data.Batches(options.work, languages * (ROWS // len(languages) + 1),
                           WINDOW - 1, ROWS, [options.seed, 9], languages)
    inputs = direct(gates, of_rows)
    kept, labels = [[] for _ in gates], []
    with torch.no_grad():
        for _ in range(BATCHES):
            ids, own = batches.next()
            of_rows[:] = own
            model.model(ids)
            labels.append(own.repeat_interleave(WINDOW))
            for layer, found in enumerate(inputs):
                kept[layer].append(found)
    labels, measured = torch.cat(labels), 2 * ROWS * WINDOW
    weights = {}
    for layer, key in enumerate(names):
        found = torch.cat(kept[layer])
        weight = learn(found[:-measured], labels[:-measured], len(languages),
                       options.seed)
        hits = (found[-measured:] @ weight.t()).argmax(-1) == labels[-measured:]
        print(f"{name}: layer {layer}: {hits.float().mean().item():.3f} to the own "
              "expert", flush=True)
        weights[key] = weight.to(torch.bfloat16)
    save_file(weights, options.out / name / "gate/model.safetensors",
              metadata={"format": "pt"})


def for_two_levels(options, name, other):
    """The router of MultiPL-MoE from one of the same experts: its rows, one of zeros for
    the shared expert of the token level, and its rows again for segments."""
    weights = load_file(options.out / name / "gate/model.safetensors")
    folder = options.out / other / "gate"
    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: torch.cat([rows, torch.zeros_like(rows[:1]), rows])
               for key, rows in weights.items()},
              folder / "model.safetensors", metadata={"format": "pt"})
