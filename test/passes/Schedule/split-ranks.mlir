// RUN: fpmoe-opt %s --fpmoe-split-ranks="ranks=2" | FileCheck %s --check-prefixes=CHECK,TWO
// RUN: fpmoe-opt %s --fpmoe-split-ranks="ranks=1" | FileCheck %s --check-prefixes=CHECK,ONE
// RUN: fpmoe-opt %s --fpmoe-split-ranks="ranks=4" | FileCheck %s --check-prefix=FOUR
// RUN: not fpmoe-opt %s --fpmoe-split-ranks="ranks=8" 2>&1 | FileCheck %s --check-prefix=EIGHT
// RUN: sed -e 's/\(@o .*\)bf16> {/\1!fpmoe.int4> {/' -e 's/32x64xbf16/32x64x!fpmoe.int4/' %s | fpmoe-opt --fpmoe-split-ranks="ranks=2" | FileCheck %s --check-prefix=INT
// RUN: sed -e 's/3x80x32/3x128x32/g' -e 's/3x32x40/3x32x64/g' %s | fpmoe-opt --fpmoe-split-ranks="ranks=2" | FileCheck %s --check-prefix=FIRST
// RUN: sed 's/mega.target = #target/mega.target = #gpu/' %s | fpmoe-opt --fpmoe-split-ranks="ranks=2" --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24" --mega-elide-barriers --mega-prefetch-weights --mega-verify-barriers --mega-verify-ranks | FileCheck %s --check-prefix=GPU
// RUN: fpmoe-opt %s --fpmoe-split-ranks="ranks=2" --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24" --mega-elide-barriers --mega-verify-barriers --mega-verify-ranks | FileCheck %s --check-prefix=PROGRAM
// RUN: fpmoe-opt %s --fpmoe-split-ranks="ranks=1" --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24" --mega-elide-barriers --mega-verify-barriers --mega-verify-ranks | FileCheck %s --check-prefix=ALONE

// The 64 columns of attention make four shards of a vector, of which each of two ranks
// has two, and those of the networks are filled up to whole groups of integers.

// EIGHT: error: cannot be split over 8 ranks: {{.*}}; possible are 1, 2, 4

// Two of four ranks share a head of keys and values.
// FOUR: fpmoe.weight @qkv layers [0] : tensor<3x16x32xbf16>
// FOUR: fpmoe.select %{{.*}}[0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 7] : tensor<8x16x32xbf16> -> tensor<12x16x32xbf16>
// FOUR-NEXT: fpmoe.split_rows %{{.*}} dim 0 sections [4, 4, 4] parts [1, 1, 1] : tensor<12x16x32xbf16> -> tensor<3x16x32xbf16>
// FOUR: fpmoe.weight @o layers [0] : tensor<1x32x16xbf16>
// FOUR: fpmoe.attention {{.*}} heads 1 kv_heads 1

// Where the first rank's part is all there is, the second has zeros.
// FIRST: fpmoe.split_rows %{{.*}} dim 1 sections [64, 64] parts [64, 64] : tensor<3x128x32xbf16> -> tensor<3x128x32xbf16>
// FIRST: fpmoe.split_columns %{{.*}} : tensor<3x32x64xbf16> -> tensor<3x2x32x32xbf16>

// A GPU has tiles of more blocks of threads, and asks for weights while ranks wait.
// GPU-LABEL: mega.program @decode
// GPU: mega.linear %attended, %o into %shards {{.*}}, memref<2x1x32xf32>
// GPU: mega.phase "expert_up_ahead" ahead tiles [4] {
// GPU: mega.barrier
// GPU: mega.reduce %shards into %shards_1
// GPU: mega.exchange %shards_1
// GPU: mega.barrier
// GPU: mega.phase "expert_down" tiles

// CHECK: module attributes {
// TWO-SAME: ranks = 2
// ONE-SAME: ranks = 1

// Rows of the embedding, which is the head, too, are a rank's, as whole vectors of them.
// CHECK: fpmoe.weight @table
// TWO-SAME: : tensor<32x32xbf16>
// TWO-NEXT: %[[W:.*]] = fpmoe.load "table" : tensor<40x32xbf16>
// TWO-NEXT: fpmoe.split_rows %[[W]] dim 0 sections [40] parts [32] : tensor<40x32xbf16> -> tensor<32x32xbf16>
// ONE-SAME: : tensor<40x32xbf16>
// ONE-NOT: fpmoe.split
// CHECK: fpmoe.weight @norm : tensor<32xf32>
// CHECK: fpmoe.weight @qkv
// TWO-SAME: : tensor<4x16x32xbf16>
// TWO: fpmoe.split_rows %{{.*}} dim 0 sections [4, 2, 2] parts [2, 1, 1] : tensor<8x16x32xbf16> -> tensor<4x16x32xbf16>
// ONE-SAME: : tensor<8x16x32xbf16>
// CHECK: fpmoe.weight @bias
// TWO-SAME: : tensor<4x16xf32>
// TWO: fpmoe.split_rows %{{.*}} dim 0 sections [4, 2, 2] parts [2, 1, 1] : tensor<8x16xf32> -> tensor<4x16xf32>
// ONE-SAME: : tensor<8x16xf32>
// CHECK: fpmoe.weight @o
// TWO-SAME: : tensor<2x32x16xbf16>
// TWO: fpmoe.split_columns %{{.*}} : tensor<32x64xbf16> -> tensor<2x32x16xbf16>
// ONE-SAME: : tensor<4x32x16xbf16>
// ONE: fpmoe.split_columns %{{.*}} : tensor<32x64xbf16> -> tensor<4x32x16xbf16>
// CHECK: fpmoe.weight @router layers [0] : tensor<3x32xf32>
// CHECK: fpmoe.weight @gate_up
// TWO: fpmoe.split_rows %{{.*}} dim 1 sections [40, 40] parts [64, 64] : tensor<3x80x32xbf16> -> tensor<3x128x32xbf16>
// ONE: fpmoe.split_rows %{{.*}} dim 1 sections [40, 40] parts [128, 128] : tensor<3x80x32xbf16> -> tensor<3x256x32xbf16>
// CHECK: fpmoe.weight @down
// TWO: fpmoe.split_columns %{{.*}} : tensor<3x32x40xbf16> -> tensor<3x2x32x32xbf16>
// ONE: fpmoe.split_columns %{{.*}} : tensor<3x32x40xbf16> -> tensor<3x4x32x32xbf16>
// CHECK: fpmoe.weight @shared_gate_up
// TWO: fpmoe.split_rows %{{.*}} dim 0 sections [24, 24] parts [64, 64] : tensor<48x32xbf16> -> tensor<128x32xbf16>
// CHECK: fpmoe.weight @shared_down
// TWO: fpmoe.split_columns %{{.*}} : tensor<32x24xbf16> -> tensor<2x32x32xbf16>
// CHECK: fpmoe.weight @scale layers [0] : tensor<1x32xf32>

// CHECK: func.func private @body
// CHECK: fpmoe.qkv
// TWO-SAME: -> tensor<?x32xf32>, tensor<?x16xf32>
// ONE-SAME: -> tensor<?x64xf32>, tensor<?x32xf32>
// CHECK: fpmoe.attention
// TWO-SAME: heads 2 kv_heads 1 scale
// ONE-SAME: heads 4 kv_heads 2 scale
// CHECK: fpmoe.linear
// TWO-SAME: : tensor<?x32xf32>, tensor<2x32x16xbf16> -> tensor<?x32xf32>
// ONE-SAME: : tensor<?x64xf32>, tensor<4x32x16xbf16> -> tensor<?x32xf32>
// CHECK: func.func @main
// TWO-SAME: -> tensor<?x32xf32>
// ONE-SAME: -> tensor<?x40xf32>

// Groups of integers, which are 32 columns, leave two shards; they are made of what was
// split.
// INT: fpmoe.weight @o layers [0] : tensor<1x32x32x!fpmoe.int4>
// INT: %[[O:.*]] = fpmoe.load "o.{}"[%{{.*}}] : tensor<32x64xf32>
// INT-NEXT: %[[S:.*]] = fpmoe.split_columns %[[O]] : tensor<32x64xf32> -> tensor<1x32x32xf32>
// INT-NEXT: %[[C:.*]] = fpmoe.convert %[[S]] : tensor<1x32x32xf32> -> tensor<1x32x32x!fpmoe.int4>
// INT-NEXT: fpmoe.yield %[[C]]

// A rank adds up its shards before ranks add theirs; one worker does, when all are
// there.
// PROGRAM-LABEL: mega.program @decode
// PROGRAM: mega.phase "embed" tiles [1] {
// PROGRAM-NEXT: mega.embed %table part at %tokens into %x
// PROGRAM-NOT: mega.barrier
// PROGRAM: mega.phase "exchange" tiles [1] {
// PROGRAM-NEXT: mega.exchange %x : memref<1x32xf32>
// PROGRAM: mega.barrier
// PROGRAM: mega.phase "output" tiles [2, 1] {
// PROGRAM-NEXT: mega.linear %attended, %o into %shards vectors 4 group 16 : {{.*}}, memref<2x1x32xf32>
// PROGRAM: mega.barrier
// PROGRAM-NEXT: mega.phase "reduce" tiles [1] {
// PROGRAM-NEXT: mega.reduce %shards into %shards_1 : memref<2x1x32xf32>, memref<1x1x32xf32>
// PROGRAM-NOT: mega.barrier
// PROGRAM: mega.phase "exchange" tiles [1] {
// PROGRAM-NEXT: mega.exchange %shards_1 : memref<1x1x32xf32>
// PROGRAM-NOT: mega.barrier
// PROGRAM: mega.phase "add_shards" tiles [1] {
// PROGRAM-NEXT: mega.reduce %shards_1 into %x accumulate : memref<1x1x32xf32>, memref<1x32xf32>
// PROGRAM: mega.barrier
// PROGRAM: mega.phase "expert_down" tiles [2] {
// PROGRAM-NEXT: mega.expert_down {{.*}} into %shards vectors 4 depth 32 : {{.*}}, memref<2x1x32xf32>
// PROGRAM: mega.barrier
// PROGRAM-NEXT: mega.phase "reduce_1" tiles [1] {
// PROGRAM-NOT: mega.barrier
// PROGRAM: mega.phase "exchange_1" tiles [1] {
// PROGRAM-NOT: mega.barrier
// PROGRAM: mega.phase "add_shards_1" tiles [1] {
// PROGRAM: mega.phase "logits" tiles [1, 1] {
// PROGRAM-LABEL: mega.program @prefill
// PROGRAM: mega.phase "output" tiles [2, block_groups] {
// PROGRAM: mega.phase "reduce" tiles [tokens] {
// PROGRAM: mega.phase "exchange" tiles [1] {
// PROGRAM: mega.phase "add_shards" tiles [tokens] {

// One process has all shards, and nobody to wait for.
// ALONE-NOT: mega.exchange
// ALONE: mega.embed %table at
// ALONE: mega.linear %attended, %o into %shards {{.*}}, memref<4x1x32xf32>
// ALONE: mega.reduce %shards into %x accumulate : memref<4x1x32xf32>, memref<1x32xf32>
// ALONE: mega.reduce %shards into %x accumulate : memref<4x1x32xf32>, memref<1x32xf32>
// ALONE-NOT: mega.exchange

#target = #mega.target<cpu = "avx512-bf16", dot = avx512_bf16, rows = 12, accumulators = 24, columns = 16>
#gpu = #mega.target<cpu = "cuda", dot = none, rows = 8, accumulators = 8, columns = 16, span = 64, threads = 256>

module attributes {mega.target = #target, fpmoe.model = {architecture = "Qwen2MoeForCausalLM", context = 64 : i64, dtype = "bf16", eos = array<i32>, name = "two", source = "two", temperature = 0.0 : f64, top_k = 0 : i64, top_p = 1.0 : f64}} {
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
  fpmoe.weight @qkv layers [0] : tensor<8x16x32xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "qkv.{}"[%layer] : tensor<8x16x32xbf16>
    fpmoe.yield %0 : tensor<8x16x32xbf16>
  }
  fpmoe.weight @bias layers [0] : tensor<8x16xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "bias.{}"[%layer] : tensor<8x16xf32>
    fpmoe.yield %0 : tensor<8x16xf32>
  }
  fpmoe.weight @o layers [0] : tensor<32x64xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "o.{}"[%layer] : tensor<32x64xf32>
    %1 = fpmoe.convert %0 : tensor<32x64xf32> -> tensor<32x64xbf16>
    fpmoe.yield %1 : tensor<32x64xbf16>
  }
  fpmoe.weight @router layers [0] : tensor<3x32xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "router.{}"[%layer] : tensor<3x32xf32>
    fpmoe.yield %0 : tensor<3x32xf32>
  }
  fpmoe.weight @gate_up layers [0] : tensor<3x80x32xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "gate_up.{}"[%layer] : tensor<3x80x32xbf16>
    fpmoe.yield %0 : tensor<3x80x32xbf16>
  }
  fpmoe.weight @down layers [0] : tensor<3x32x40xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "down.{}"[%layer] : tensor<3x32x40xbf16>
    fpmoe.yield %0 : tensor<3x32x40xbf16>
  }
  fpmoe.weight @shared_gate_up layers [0] : tensor<48x32xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "shared_gate_up.{}"[%layer] : tensor<48x32xbf16>
    fpmoe.yield %0 : tensor<48x32xbf16>
  }
  fpmoe.weight @shared_down layers [0] : tensor<32x24xbf16> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "shared_down.{}"[%layer] : tensor<32x24xbf16>
    fpmoe.yield %0 : tensor<32x24xbf16>
  }
  fpmoe.weight @scale layers [0] : tensor<1x32xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "scale.{}"[%layer] : tensor<1x32xf32>
    fpmoe.yield %0 : tensor<1x32xf32>
  }
  func.func private @body(%x: tensor<?x32xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x32xf32> {
    %norm = fpmoe.get @norm : tensor<32xf32>
    %rope = fpmoe.get @rope : tensor<64x16xf32>
    %qkv = fpmoe.get @qkv[%layer] : tensor<8x16x32xbf16>
    %bias = fpmoe.get @bias[%layer] : tensor<8x16xf32>
    %o = fpmoe.get @o[%layer] : tensor<32x64xbf16>
    %router = fpmoe.get @router[%layer] : tensor<3x32xf32>
    %gate_up = fpmoe.get @gate_up[%layer] : tensor<3x80x32xbf16>
    %down = fpmoe.get @down[%layer] : tensor<3x32x40xbf16>
    %shared_gate_up = fpmoe.get @shared_gate_up[%layer] : tensor<48x32xbf16>
    %shared_down = fpmoe.get @shared_down[%layer] : tensor<32x24xbf16>
    %scale = fpmoe.get @scale[%layer] : tensor<1x32xf32>
    %q, %k, %v = fpmoe.qkv %x, %positions norm %norm eps 1.0e-6 weight %qkv bias %bias : tensor<8x16xf32> rope %rope : tensor<?x32xf32>, tensor<32xf32>, tensor<8x16x32xbf16>, tensor<64x16xf32> -> tensor<?x64xf32>, tensor<?x32xf32>
    %a = fpmoe.attention %q, %k, %v, %positions layer %layer heads 4 kv_heads 2 scale 0.25 cache bf16 : tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32> -> tensor<?x64xf32>
    %x1 = fpmoe.linear %a, %o residual %x : tensor<?x32xf32> : tensor<?x64xf32>, tensor<32x64xbf16> -> tensor<?x32xf32>
    %y = fpmoe.moe %x1 norm %norm : tensor<32xf32> eps 1.0e-6 router %router : tensor<3x32xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true> experts %gate_up : tensor<3x80x32xbf16>, %down : tensor<3x32x40xbf16> names ["haskell", "ocaml", "scala"] shared %shared_gate_up : tensor<48x32xbf16>, %shared_down : tensor<32x24xbf16> scaled %scale : tensor<1x32xf32> -> tensor<?x32xf32>
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
