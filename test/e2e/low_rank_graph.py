# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A graph with low ranks, written out: shapes.py's models with adapters by language."""


def low_rank(hidden, width, vocab, context, qkv, output, up, down, heads=3, kv=1, dim=6):
    """A dense graph with adapters for all tokens and two languages, of these ranks."""
    weights, body = [], []

    def weight(name, *sizes, layers=True, mean=0.0, stddev=None):
        shape = "x".join(map(str, sizes)) + "xf32"
        stddev = stddev or sizes[-1] ** -0.5
        label, layer = (f"{name}.{{}}", "[%layer]") if layers else (name, "")
        weights.append(
            f"fpmoe.weight @{name}{' layers [0, 1]' * layers} : tensor<{shape}> {{\n"
            + "^bb0(%layer: index):\n" * layers +
            f'%0 = fpmoe.random "{label}"{layer} seed 1 mean {mean} stddev {stddev:.4f}'
            f" : tensor<{shape}>\nfpmoe.yield %0 : tensor<{shape}>\n}}\n")
        if layers:
            body.append(f"%{name} = fpmoe.get @{name}[%layer] : tensor<{shape}>")
        return f"tensor<{shape}>"

    def rows(columns):
        return f"tensor<?x{columns}xf32>"

    def linear(result, x, name, columns, width, a, ranks, a_type):
        inner = columns + sum(ranks)
        shape = weight(name, width, inner)
        body.append(f"%{result} = fpmoe.linear %{x}, %{name} low_rank %{a} : {a_type} ranks "
                    f"{ranks} : {rows(columns)}, {shape} -> {rows(width)}")

    norms = [weight(name, hidden, mean=1.0, stddev=0.1) for name in ("norm1", "norm2")]
    table = f"tensor<{context}x{dim}xf32>"
    a_qkv = weight("a_qkv", sum(qkv), hidden)
    a_o = weight("a_o", sum(output), heads * dim)
    body += [f"%rope = fpmoe.get @rope : {table}",
             f"%n1 = fpmoe.rms_norm %x, %norm1 eps 1.0e-6 : {rows(hidden)}, {norms[0]}"]
    for name, count in (("q", heads), ("k", kv), ("v", kv)):
        linear(f"{name}1", "n1", name, hidden, count * dim, "a_qkv", qkv, a_qkv)
    body += [f"%q2 = fpmoe.rope %q1, %positions, %rope : {rows(heads * dim)}, {table}",
             f"%k2 = fpmoe.rope %k1, %positions, %rope : {rows(kv * dim)}, {table}",
             f"%a = fpmoe.attention %q2, %k2, %v1, %positions layer %layer heads {heads} kv_heads "
             f"{kv} scale 0.4 : {rows(heads * dim)}, {rows(kv * dim)}, {rows(kv * dim)} -> "
             f"{rows(heads * dim)}"]
    linear("a1", "a", "o", heads * dim, hidden, "a_o", output, a_o)
    gate = weight("gate", width, hidden + sum(up))
    weight("up", width, hidden + sum(up))
    last = weight("down", hidden, width + sum(down))
    a_up, a_down = weight("a_up", sum(up), hidden), weight("a_down", sum(down), width)
    body += [f"%x1 = fpmoe.add %x, %a1 : {rows(hidden)}",
             f"%n2 = fpmoe.rms_norm %x1, %norm2 eps 1.0e-6 : {rows(hidden)}, {norms[1]}",
             f"%m = fpmoe.mlp %n2, %gate, %up, %down up_low_rank %a_up : {a_up} up_ranks {up} "
             f"down_low_rank %a_down : {a_down} down_ranks {down} : {rows(hidden)}, {gate}, {last}",
             f"%x2 = fpmoe.add %x1, %m : {rows(hidden)}", f"return %x2 : {rows(hidden)}"]
    head = weight("table", vocab, hidden, layers=False, stddev=1.0)
    final = weight("final", hidden, layers=False, mean=1.0, stddev=0.1)
    lines = "\n".join
    return f"""module attributes {{fpmoe.model = {{architecture = "none", context = {context} : i64,
    languages = ["a", "b"], name = "low-rank", source = "none"}}}} {{
{lines(weights)}
fpmoe.weight @rope : {table} {{
  %0 = fpmoe.rope_table theta 1.0e4 : {table}
  fpmoe.yield %0 : {table}
}}
func.func private @layer(%x: {rows(hidden)}, %positions: tensor<?xi32>, %layer: index)
    -> {rows(hidden)} {{
{lines(body)}
}}
func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> {rows(vocab)} {{
  %table = fpmoe.get @table : {head}
  %final = fpmoe.get @final : {final}
  %x = fpmoe.embedding %ids, %table : {head} -> {rows(hidden)}
  %y = fpmoe.layers %x, %positions bodies [@layer] order [0, 0] : {rows(hidden)}
  %n = fpmoe.rms_norm %y, %final eps 1.0e-6 : {rows(hidden)}, {final}
  %logits = fpmoe.linear %n, %table : {rows(hidden)}, {head} -> {rows(vocab)}
  return %logits : {rows(vocab)}
}}
}}
"""
