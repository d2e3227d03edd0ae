// A dense model with adapters for two languages, and one for all tokens: the
// ranks of a product are [shared, first language, second language]. For
// low-rank.test.

// RUN: fpmoe-opt %s | fpmoe-opt | FileCheck %s

// CHECK: fpmoe.linear %{{.*}}, %{{.*}} bias %{{.*}} : tensor<12xf32> low_rank %{{.*}} : tensor<9x20xf32> ranks [2, 3, 4]
// CHECK: fpmoe.mlp %{{.*}} up_low_rank %{{.*}} : tensor<19x20xf32> up_ranks [1, 16, 2] down_low_rank %{{.*}} : tensor<4x18xf32> down_ranks [2, 2, 0]

module attributes {fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 256 : i64, languages = ["haskell", "ocaml"], name = "low-rank", source = "none"}} {
  fpmoe.weight @table : tensor<37x20xf32> {
    %0 = fpmoe.random "table" seed 1 mean 0.0 stddev 0.8 : tensor<37x20xf32>
    fpmoe.yield %0 : tensor<37x20xf32>
  }
  fpmoe.weight @final : tensor<20xf32> {
    %0 = fpmoe.random "final" seed 1 mean 1.0 stddev 0.2 : tensor<20xf32>
    fpmoe.yield %0 : tensor<20xf32>
  }
  fpmoe.weight @rope : tensor<256x6xf32> {
    %0 = fpmoe.rope_table theta 1.0e4 : tensor<256x6xf32>
    fpmoe.yield %0 : tensor<256x6xf32>
  }
  fpmoe.weight @norm1 layers [0, 1] : tensor<20xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "norm1.{}"[%layer] seed 1 mean 1.0 stddev 0.2 : tensor<20xf32>
    fpmoe.yield %0 : tensor<20xf32>
  }
  fpmoe.weight @norm2 layers [0, 1] : tensor<20xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "norm2.{}"[%layer] seed 1 mean 1.0 stddev 0.2 : tensor<20xf32>
    fpmoe.yield %0 : tensor<20xf32>
  }
  fpmoe.weight @q layers [0, 1] : tensor<12x29xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "q.{}"[%layer] seed 1 mean 0.0 stddev 0.3 : tensor<12x29xf32>
    fpmoe.yield %0 : tensor<12x29xf32>
  }
  fpmoe.weight @k layers [0, 1] : tensor<6x29xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "k.{}"[%layer] seed 1 mean 0.0 stddev 0.3 : tensor<6x29xf32>
    fpmoe.yield %0 : tensor<6x29xf32>
  }
  fpmoe.weight @v layers [0, 1] : tensor<6x29xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "v.{}"[%layer] seed 1 mean 0.0 stddev 0.3 : tensor<6x29xf32>
    fpmoe.yield %0 : tensor<6x29xf32>
  }
  fpmoe.weight @q_bias layers [0, 1] : tensor<12xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "q_bias.{}"[%layer] seed 1 mean 0.0 stddev 0.2 : tensor<12xf32>
    fpmoe.yield %0 : tensor<12xf32>
  }
  fpmoe.weight @k_bias layers [0, 1] : tensor<6xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "k_bias.{}"[%layer] seed 1 mean 0.0 stddev 0.2 : tensor<6xf32>
    fpmoe.yield %0 : tensor<6xf32>
  }
  fpmoe.weight @v_bias layers [0, 1] : tensor<6xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "v_bias.{}"[%layer] seed 1 mean 0.0 stddev 0.2 : tensor<6xf32>
    fpmoe.yield %0 : tensor<6xf32>
  }
  fpmoe.weight @qkv_low layers [0, 1] : tensor<9x20xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "qkv_low.{}"[%layer] seed 1 mean 0.0 stddev 0.3 : tensor<9x20xf32>
    fpmoe.yield %0 : tensor<9x20xf32>
  }
  fpmoe.weight @o layers [0, 1] : tensor<20x34xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "o.{}"[%layer] seed 1 mean 0.0 stddev 0.3 : tensor<20x34xf32>
    fpmoe.yield %0 : tensor<20x34xf32>
  }
  fpmoe.weight @o_low layers [0, 1] : tensor<22x12xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "o_low.{}"[%layer] seed 1 mean 0.0 stddev 0.3 : tensor<22x12xf32>
    fpmoe.yield %0 : tensor<22x12xf32>
  }
  fpmoe.weight @gate layers [0, 1] : tensor<18x39xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "gate.{}"[%layer] seed 1 mean 0.0 stddev 0.3 : tensor<18x39xf32>
    fpmoe.yield %0 : tensor<18x39xf32>
  }
  fpmoe.weight @up layers [0, 1] : tensor<18x39xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "up.{}"[%layer] seed 1 mean 0.0 stddev 0.3 : tensor<18x39xf32>
    fpmoe.yield %0 : tensor<18x39xf32>
  }
  fpmoe.weight @up_low layers [0, 1] : tensor<19x20xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "up_low.{}"[%layer] seed 1 mean 0.0 stddev 0.3 : tensor<19x20xf32>
    fpmoe.yield %0 : tensor<19x20xf32>
  }
  fpmoe.weight @down layers [0, 1] : tensor<20x22xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "down.{}"[%layer] seed 1 mean 0.0 stddev 0.3 : tensor<20x22xf32>
    fpmoe.yield %0 : tensor<20x22xf32>
  }
  fpmoe.weight @down_low layers [0, 1] : tensor<4x18xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.random "down_low.{}"[%layer] seed 1 mean 0.0 stddev 0.3 : tensor<4x18xf32>
    fpmoe.yield %0 : tensor<4x18xf32>
  }
  func.func private @layer(%x: tensor<?x20xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x20xf32> {
    %norm1 = fpmoe.get @norm1[%layer] : tensor<20xf32>
    %norm2 = fpmoe.get @norm2[%layer] : tensor<20xf32>
    %q = fpmoe.get @q[%layer] : tensor<12x29xf32>
    %k = fpmoe.get @k[%layer] : tensor<6x29xf32>
    %v = fpmoe.get @v[%layer] : tensor<6x29xf32>
    %q_bias = fpmoe.get @q_bias[%layer] : tensor<12xf32>
    %k_bias = fpmoe.get @k_bias[%layer] : tensor<6xf32>
    %v_bias = fpmoe.get @v_bias[%layer] : tensor<6xf32>
    %qkv_low = fpmoe.get @qkv_low[%layer] : tensor<9x20xf32>
    %o = fpmoe.get @o[%layer] : tensor<20x34xf32>
    %o_low = fpmoe.get @o_low[%layer] : tensor<22x12xf32>
    %gate = fpmoe.get @gate[%layer] : tensor<18x39xf32>
    %up = fpmoe.get @up[%layer] : tensor<18x39xf32>
    %up_low = fpmoe.get @up_low[%layer] : tensor<19x20xf32>
    %down = fpmoe.get @down[%layer] : tensor<20x22xf32>
    %down_low = fpmoe.get @down_low[%layer] : tensor<4x18xf32>
    %rope = fpmoe.get @rope : tensor<256x6xf32>
    %n1 = fpmoe.rms_norm %x, %norm1 eps 1.0e-6 : tensor<?x20xf32>, tensor<20xf32>
    %q1 = fpmoe.linear %n1, %q bias %q_bias : tensor<12xf32> low_rank %qkv_low : tensor<9x20xf32> ranks [2, 3, 4] : tensor<?x20xf32>, tensor<12x29xf32> -> tensor<?x12xf32>
    %k1 = fpmoe.linear %n1, %k bias %k_bias : tensor<6xf32> low_rank %qkv_low : tensor<9x20xf32> ranks [2, 3, 4] : tensor<?x20xf32>, tensor<6x29xf32> -> tensor<?x6xf32>
    %v1 = fpmoe.linear %n1, %v bias %v_bias : tensor<6xf32> low_rank %qkv_low : tensor<9x20xf32> ranks [2, 3, 4] : tensor<?x20xf32>, tensor<6x29xf32> -> tensor<?x6xf32>
    %q2 = fpmoe.rope %q1, %positions, %rope : tensor<?x12xf32>, tensor<256x6xf32>
    %k2 = fpmoe.rope %k1, %positions, %rope : tensor<?x6xf32>, tensor<256x6xf32>
    %a = fpmoe.attention %q2, %k2, %v1, %positions layer %layer heads 2 kv_heads 1 scale 0.4 : tensor<?x12xf32>, tensor<?x6xf32>, tensor<?x6xf32> -> tensor<?x12xf32>
    %a1 = fpmoe.linear %a, %o low_rank %o_low : tensor<22x12xf32> ranks [0, 5, 17] : tensor<?x12xf32>, tensor<20x34xf32> -> tensor<?x20xf32>
    %x1 = fpmoe.add %x, %a1 : tensor<?x20xf32>
    %n2 = fpmoe.rms_norm %x1, %norm2 eps 1.0e-6 : tensor<?x20xf32>, tensor<20xf32>
    %m = fpmoe.mlp %n2, %gate, %up, %down up_low_rank %up_low : tensor<19x20xf32> up_ranks [1, 16, 2] down_low_rank %down_low : tensor<4x18xf32> down_ranks [2, 2, 0] : tensor<?x20xf32>, tensor<18x39xf32>, tensor<20x22xf32>
    %x2 = fpmoe.add %x1, %m : tensor<?x20xf32>
    return %x2 : tensor<?x20xf32>
  }
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x37xf32> {
    %table = fpmoe.get @table : tensor<37x20xf32>
    %final = fpmoe.get @final : tensor<20xf32>
    %x = fpmoe.embedding %ids, %table : tensor<37x20xf32> -> tensor<?x20xf32>
    %y = fpmoe.layers %x, %positions bodies [@layer] order [0, 0] : tensor<?x20xf32>
    %n = fpmoe.rms_norm %y, %final eps 1.0e-6 : tensor<?x20xf32>, tensor<20xf32>
    %logits = fpmoe.linear %n, %table : tensor<?x20xf32>, tensor<37x20xf32> -> tensor<?x37xf32>
    return %logits : tensor<?x37xf32>
  }
}
