// RUN: fpmoe-opt %s --fpmoe-split-ranks="ranks=2" | FileCheck %s --check-prefix=TWO
// RUN: fpmoe-opt %s --fpmoe-split-ranks="ranks=2" --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24" --mega-elide-barriers --mega-verify-barriers --mega-verify-ranks | FileCheck %s --check-prefix=PROGRAM

// Low ranks of what is split: each shard has its columns of the one factor, and behind
// its columns of the weight all of the other. Those of what ranks have whole stay.

// TWO: fpmoe.weight @a_qkv layers [0] : tensor<4x32xbf16>
// TWO-NOT: fpmoe.split
// TWO: fpmoe.weight @qkv
// TWO: fpmoe.split_rows {{.*}} : tensor<8x16x36xbf16> -> tensor<4x16x36xbf16>
// TWO: fpmoe.weight @a_o layers [0] : tensor<2x6x16xbf16>
// TWO: fpmoe.split_columns %{{.*}} : tensor<6x64xbf16> -> tensor<2x6x16xbf16>
// TWO: fpmoe.weight @o layers [0] : tensor<2x32x22xbf16>
// TWO: fpmoe.split_columns %{{.*}} tail 6 : tensor<32x70xbf16> -> tensor<2x32x22xbf16>
// TWO: fpmoe.weight @gate_up
// TWO: fpmoe.split_rows %{{.*}} dim 0 sections [40, 40] parts [64, 64] : tensor<80x35xbf16> -> tensor<128x35xbf16>
// TWO: fpmoe.weight @a_down layers [0] : tensor<2x2x32xbf16>
// TWO: fpmoe.split_columns %{{.*}} : tensor<2x40xbf16> -> tensor<2x2x32xbf16>
// TWO: fpmoe.weight @down layers [0] : tensor<2x32x34xbf16>
// TWO: fpmoe.split_columns %{{.*}} tail 2 : tensor<32x42xbf16> -> tensor<2x32x34xbf16>

// PROGRAM-LABEL: mega.program @decode
// PROGRAM: mega.low_rank %{{.*}} of %languages ranks [1, 3] : memref
// PROGRAM: mega.phase "output_low_rank" tiles [1] {
// PROGRAM-NEXT: mega.low_rank %attended, %{{.*}} of %languages into %widened : memref<1x32x1x2xbf16{{.*}}> ranks [2, 4] : memref<1x16x1x2xbf16{{.*}}>, tensor<2x6x16xbf16
// PROGRAM: mega.linear %widened, %o into %shards {{.*}} : memref<1x32x1x2xbf16{{.*}}>, tensor<2x32x22xbf16, #mega.packed<n = 16, k = 2, tail = 6>>
// PROGRAM: mega.low_rank %active, %{{.*}} of %languages into %[[W:.*]] : memref<1x48x1x2xbf16{{.*}}> ranks [1, 1] : memref<1x32x1x2xbf16
// PROGRAM: mega.expert_down %[[W]]

#target = #mega.target<cpu = "avx512-bf16", dot = avx512_bf16, rows = 12, accumulators = 24, columns = 16>

module attributes {mega.target = #target, fpmoe.model = {architecture = "none", context = 64 : i64, languages = ["a"], name = "two", source = "two"}} {
  fpmoe.weight @table : tensor<40x32xbf16> {
    %0 = fpmoe.load "table" : tensor<40x32xbf16>
    fpmoe.yield %0 : tensor<40x32xbf16>
  }
  fpmoe.weight @rope : tensor<64x16xf32> {
    %0 = fpmoe.rope_table theta 1.0e4 : tensor<64x16xf32>
    fpmoe.yield %0 : tensor<64x16xf32>
  }
  fpmoe.weight @norm : tensor<32xf32> {
    %0 = fpmoe.load "norm" : tensor<32xf32>
    fpmoe.yield %0 : tensor<32xf32>
  }
  fpmoe.weight @a_qkv layers [0] : tensor<4x32xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "a_qkv.{}"[%layer] : tensor<4x32xbf16>
    fpmoe.yield %0 : tensor<4x32xbf16>
  }
  fpmoe.weight @qkv layers [0] : tensor<8x16x36xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "qkv.{}"[%layer] : tensor<8x16x36xbf16>
    fpmoe.yield %0 : tensor<8x16x36xbf16>
  }
  fpmoe.weight @a_o layers [0] : tensor<6x64xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "a_o.{}"[%layer] : tensor<6x64xbf16>
    fpmoe.yield %0 : tensor<6x64xbf16>
  }
  fpmoe.weight @o layers [0] : tensor<32x70xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "o.{}"[%layer] : tensor<32x70xf32>
    %1 = fpmoe.convert %0 : tensor<32x70xf32> -> tensor<32x70xbf16>
    fpmoe.yield %1 : tensor<32x70xbf16>
  }
  fpmoe.weight @a_up layers [0] : tensor<3x32xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "a_up.{}"[%layer] : tensor<3x32xbf16>
    fpmoe.yield %0 : tensor<3x32xbf16>
  }
  fpmoe.weight @gate_up layers [0] : tensor<80x35xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "gate_up.{}"[%layer] : tensor<80x35xbf16>
    fpmoe.yield %0 : tensor<80x35xbf16>
  }
  fpmoe.weight @a_down layers [0] : tensor<2x40xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "a_down.{}"[%layer] : tensor<2x40xbf16>
    fpmoe.yield %0 : tensor<2x40xbf16>
  }
  fpmoe.weight @down layers [0] : tensor<32x42xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "down.{}"[%layer] : tensor<32x42xf32>
    %1 = fpmoe.convert %0 : tensor<32x42xf32> -> tensor<32x42xbf16>
    fpmoe.yield %1 : tensor<32x42xbf16>
  }
  func.func private @body(%x: tensor<?x32xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x32xf32> {
    %norm = fpmoe.get @norm : tensor<32xf32>
    %rope = fpmoe.get @rope : tensor<64x16xf32>
    %a_qkv = fpmoe.get @a_qkv[%layer] : tensor<4x32xbf16>
    %qkv = fpmoe.get @qkv[%layer] : tensor<8x16x36xbf16>
    %a_o = fpmoe.get @a_o[%layer] : tensor<6x64xbf16>
    %o = fpmoe.get @o[%layer] : tensor<32x70xbf16>
    %a_up = fpmoe.get @a_up[%layer] : tensor<3x32xbf16>
    %gate_up = fpmoe.get @gate_up[%layer] : tensor<80x35xbf16>
    %a_down = fpmoe.get @a_down[%layer] : tensor<2x40xbf16>
    %down = fpmoe.get @down[%layer] : tensor<32x42xbf16>
    %q, %k, %v = fpmoe.qkv %x, %positions norm %norm eps 1.0e-6 weight %qkv low_rank %a_qkv : tensor<4x32xbf16> ranks [1, 3] rope %rope : tensor<?x32xf32>, tensor<32xf32>, tensor<8x16x36xbf16>, tensor<64x16xf32> -> tensor<?x64xf32>, tensor<?x32xf32>
    %a = fpmoe.attention %q, %k, %v, %positions layer %layer heads 4 kv_heads 2 scale 0.25 : tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32> -> tensor<?x64xf32>
    %x1 = fpmoe.linear %a, %o residual %x : tensor<?x32xf32> low_rank %a_o : tensor<6x64xbf16> ranks [2, 4] : tensor<?x64xf32>, tensor<32x70xbf16> -> tensor<?x32xf32>
    %y = fpmoe.moe %x1 norm %norm : tensor<32xf32> eps 1.0e-6 shared %gate_up : tensor<80x35xbf16>, %down : tensor<32x42xbf16> up_low_rank %a_up : tensor<3x32xbf16> up_ranks [1, 2] down_low_rank %a_down : tensor<2x40xbf16> down_ranks [1, 1] -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x40xf32> {
    %table = fpmoe.get @table : tensor<40x32xbf16>
    %norm = fpmoe.get @norm : tensor<32xf32>
    %x = fpmoe.embedding %ids, %table : tensor<40x32xbf16> -> tensor<?x32xf32>
    %y = fpmoe.layers %x, %positions bodies [@body] order [0] : tensor<?x32xf32>
    %logits = fpmoe.linear %y, %table norm %norm : tensor<32xf32> eps 1.0e-6 : tensor<?x32xf32>, tensor<40x32xbf16> -> tensor<?x40xf32>
    return %logits : tensor<?x40xf32>
  }
}
