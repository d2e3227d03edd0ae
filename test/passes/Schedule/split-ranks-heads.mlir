// RUN: sed 's/@BODY/@rows/' %s | fpmoe-opt --fpmoe-split-ranks="ranks=2" | FileCheck %s --check-prefix=TWO
// RUN: sed 's/@BODY/@rows/' %s | fpmoe-opt --fpmoe-split-ranks="ranks=1" | FileCheck %s --check-prefix=ONE
// RUN: sed 's/@BODY/@rows/' %s | not fpmoe-opt --fpmoe-split-ranks="ranks=4" 2>&1 | FileCheck %s --check-prefix=FOUR
// RUN: sed 's/@BODY/@rows/' %s | fpmoe-opt --fpmoe-split-ranks="ranks=2" --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24" --mega-elide-barriers --mega-verify-barriers --mega-verify-ranks | FileCheck %s --check-prefix=ROWS
// RUN: sed 's/@BODY/@rows/' %s | fpmoe-opt --fpmoe-split-ranks="ranks=1" --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24" --mega-elide-barriers --mega-verify-barriers --mega-verify-ranks | FileCheck %s --check-prefix=ALONE
// RUN: sed 's/@BODY/@latent/' %s | fpmoe-opt --fpmoe-split-ranks="ranks=2" --mega-pack-weights --fpmoe-build-programs="prefill-tokens=24" --mega-elide-barriers --mega-verify-barriers --mega-verify-ranks | FileCheck %s --check-prefix=LATENT

// Heads that do not come from one product: ranks have rows of what makes them. What lies
// between norms, latents and the tail of keys, each rank has whole. Norms of whole rows
// are those of the rows of all ranks.

// Two ranks have heads of keys and values each.
// FOUR: error: cannot be split over 4 ranks: {{.*}}; possible are 1, 2

// TWO: fpmoe.weight @q layers [0, 1] : tensor<64x32xf32>
// TWO: fpmoe.split_rows %{{.*}} dim 0 sections [128] parts [64] : tensor<128x32xf32> -> tensor<64x32xf32>
// TWO: fpmoe.weight @k layers [0, 1] : tensor<32x32xf32>
// TWO: fpmoe.weight @v layers [0, 1] : tensor<32x32xf32>
// TWO: fpmoe.weight @v_bias layers [0, 1] : tensor<32xf32>
// TWO: fpmoe.split_rows %{{.*}} dim 0 sections [64] parts [32] : tensor<64xf32> -> tensor<32xf32>
// TWO: fpmoe.weight @q_norm layers [0, 1] : tensor<64xf32>
// TWO: fpmoe.weight @k_norm layers [0, 1] : tensor<32xf32>
// TWO: fpmoe.weight @o layers [0, 1] : tensor<2x32x32xf32>
// TWO: fpmoe.weight @q_a layers [0, 1] : tensor<20x32xf32>
// TWO: fpmoe.weight @q_a_norm layers [0, 1] : tensor<20xf32>
// TWO: fpmoe.weight @q_b layers [0, 1] : tensor<48x20xf32>
// TWO: fpmoe.weight @kv_a layers [0, 1] : tensor<12x32xf32>
// TWO: fpmoe.weight @k_pe layers [0, 1] : tensor<8x32xf32>
// TWO: fpmoe.weight @k_b layers [0, 1] : tensor<32x12xf32>
// TWO: fpmoe.weight @v_b layers [0, 1] : tensor<64x12xf32>
// TWO: func.func private @rows
// TWO: fpmoe.heads {{.*}} norms %{{.*}} : tensor<64xf32>, %{{.*}} : tensor<32xf32> {{.*}} heads 2 kv_heads 1 shards 2 : tensor<?x64xf32>
// TWO: func.func private @latent
// TWO: fpmoe.heads {{.*}} tail %{{.*}} : tensor<?x8xf32> rope %{{.*}} heads 2 kv_heads 2 : tensor<?x48xf32>, tensor<?x32xf32>, tensor<?x64xf32>

// ONE: fpmoe.weight @q layers [0, 1] : tensor<128x32xf32>
// ONE: fpmoe.weight @o layers [0, 1] : tensor<4x32x32xf32>
// ONE: fpmoe.heads {{.*}} heads 4 kv_heads 2 shards 4 : tensor<?x128xf32>

// ROWS-LABEL: mega.program @decode
// ROWS: mega.phase "squares" tiles [1] {
// ROWS-NEXT: mega.squares %{{.*}}, %{{.*}} into %squares shards 2 : memref<1x64xf32>, memref<1x32xf32>, memref<1x16xf32>
// ROWS-NOT: mega.barrier
// ROWS: mega.phase "exchange" tiles [1] {
// ROWS-NEXT: mega.exchange %squares : memref<1x16xf32>
// ROWS-NOT: mega.barrier
// ROWS: mega.heads {{.*}} norms %{{.*}} squares %squares : memref<1x16xf32> ranks 2 eps
// ROWS-LABEL: mega.program @prefill
// ROWS: mega.phase "squares" tiles [tokens] {

// One process does the same without waiting for others.
// ALONE-NOT: mega.exchange
// ALONE: mega.squares %{{.*}}, %{{.*}} into %squares shards 4 : memref<1x128xf32>, memref<1x64xf32>, memref<1x16xf32>
// ALONE: mega.heads {{.*}} squares %squares : memref<1x16xf32> ranks 1 eps
// ALONE-NOT: mega.exchange

// LATENT-LABEL: mega.program @decode
// LATENT-NOT: mega.squares
// LATENT: mega.heads {{.*}} tail %{{.*}} : memref<1x16xf32> rope {{.*}} heads 2 kv_heads 2 head_dim 24 value_dim 32

#target = #mega.target<cpu = "avx512-bf16", dot = avx512_bf16, rows = 12, accumulators = 24, columns = 16>

module attributes {mega.target = #target, fpmoe.model = {architecture = "none", context = 64 : i64, name = "two", source = "two"}} {
  fpmoe.weight @table : tensor<40x32xf32> {
    %0 = fpmoe.load "table" : tensor<40x32xf32>
    fpmoe.yield %0 : tensor<40x32xf32>
  }
  fpmoe.weight @norm : tensor<32xf32> {
    %0 = fpmoe.load "norm" : tensor<32xf32>
    fpmoe.yield %0 : tensor<32xf32>
  }
  fpmoe.weight @q layers [0, 1] : tensor<128x32xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "q.{}"[%layer] : tensor<128x32xf32>
    fpmoe.yield %0 : tensor<128x32xf32>
  }
  fpmoe.weight @k layers [0, 1] : tensor<64x32xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "k.{}"[%layer] : tensor<64x32xf32>
    fpmoe.yield %0 : tensor<64x32xf32>
  }
  fpmoe.weight @v layers [0, 1] : tensor<64x32xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "v.{}"[%layer] : tensor<64x32xf32>
    fpmoe.yield %0 : tensor<64x32xf32>
  }
  fpmoe.weight @v_bias layers [0, 1] : tensor<64xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "v_bias.{}"[%layer] : tensor<64xf32>
    fpmoe.yield %0 : tensor<64xf32>
  }
  fpmoe.weight @q_norm layers [0, 1] : tensor<128xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "q_norm.{}"[%layer] : tensor<128xf32>
    fpmoe.yield %0 : tensor<128xf32>
  }
  fpmoe.weight @k_norm layers [0, 1] : tensor<64xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "k_norm.{}"[%layer] : tensor<64xf32>
    fpmoe.yield %0 : tensor<64xf32>
  }
  fpmoe.weight @o layers [0, 1] : tensor<32x128xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "o.{}"[%layer] : tensor<32x128xf32>
    fpmoe.yield %0 : tensor<32x128xf32>
  }
  fpmoe.weight @gate_up layers [0, 1] : tensor<80x32xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "gate_up.{}"[%layer] : tensor<80x32xf32>
    fpmoe.yield %0 : tensor<80x32xf32>
  }
  fpmoe.weight @down layers [0, 1] : tensor<32x40xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "down.{}"[%layer] : tensor<32x40xf32>
    fpmoe.yield %0 : tensor<32x40xf32>
  }
  fpmoe.weight @q_a layers [0, 1] : tensor<20x32xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "q_a.{}"[%layer] : tensor<20x32xf32>
    fpmoe.yield %0 : tensor<20x32xf32>
  }
  fpmoe.weight @q_a_norm layers [0, 1] : tensor<20xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "q_a_norm.{}"[%layer] : tensor<20xf32>
    fpmoe.yield %0 : tensor<20xf32>
  }
  fpmoe.weight @q_b layers [0, 1] : tensor<96x20xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "q_b.{}"[%layer] : tensor<96x20xf32>
    fpmoe.yield %0 : tensor<96x20xf32>
  }
  fpmoe.weight @kv_a layers [0, 1] : tensor<12x32xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "kv_a.{}"[%layer] : tensor<12x32xf32>
    fpmoe.yield %0 : tensor<12x32xf32>
  }
  fpmoe.weight @kv_a_norm layers [0, 1] : tensor<12xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "kv_a_norm.{}"[%layer] : tensor<12xf32>
    fpmoe.yield %0 : tensor<12xf32>
  }
  fpmoe.weight @k_pe layers [0, 1] : tensor<8x32xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "k_pe.{}"[%layer] : tensor<8x32xf32>
    fpmoe.yield %0 : tensor<8x32xf32>
  }
  fpmoe.weight @k_b layers [0, 1] : tensor<64x12xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "k_b.{}"[%layer] : tensor<64x12xf32>
    fpmoe.yield %0 : tensor<64x12xf32>
  }
  fpmoe.weight @v_b layers [0, 1] : tensor<128x12xf32> {
  ^bb0(%layer: index):
    %0 = fpmoe.load "v_b.{}"[%layer] : tensor<128x12xf32>
    fpmoe.yield %0 : tensor<128x12xf32>
  }
  fpmoe.weight @rope : tensor<64x32xf32> {
    %0 = fpmoe.rope_table theta 1.0e4 : tensor<64x32xf32>
    fpmoe.yield %0 : tensor<64x32xf32>
  }
  fpmoe.weight @rope8 : tensor<64x8xf32> {
    %0 = fpmoe.rope_table theta 1.0e4 : tensor<64x8xf32>
    fpmoe.yield %0 : tensor<64x8xf32>
  }
  func.func private @rows(%x: tensor<?x32xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x32xf32> {
    %norm = fpmoe.get @norm : tensor<32xf32>
    %rope = fpmoe.get @rope : tensor<64x32xf32>
    %q = fpmoe.get @q[%layer] : tensor<128x32xf32>
    %k = fpmoe.get @k[%layer] : tensor<64x32xf32>
    %v = fpmoe.get @v[%layer] : tensor<64x32xf32>
    %v_bias = fpmoe.get @v_bias[%layer] : tensor<64xf32>
    %q_norm = fpmoe.get @q_norm[%layer] : tensor<128xf32>
    %k_norm = fpmoe.get @k_norm[%layer] : tensor<64xf32>
    %o = fpmoe.get @o[%layer] : tensor<32x128xf32>
    %gate_up = fpmoe.get @gate_up[%layer] : tensor<80x32xf32>
    %down = fpmoe.get @down[%layer] : tensor<32x40xf32>
    %q1 = fpmoe.linear %x, %q norm %norm : tensor<32xf32> eps 1.0e-6 : tensor<?x32xf32>, tensor<128x32xf32> -> tensor<?x128xf32>
    %k1 = fpmoe.linear %x, %k norm %norm : tensor<32xf32> eps 1.0e-6 : tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>
    %v1 = fpmoe.linear %x, %v norm %norm : tensor<32xf32> eps 1.0e-6 bias %v_bias : tensor<64xf32> : tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>
    %query, %key, %value = fpmoe.heads %q1, %k1, %v1, %positions norms %q_norm : tensor<128xf32>, %k_norm : tensor<64xf32> eps 1.0e-6 rope %rope heads 4 kv_heads 2 : tensor<?x128xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<64x32xf32> -> tensor<?x128xf32>, tensor<?x64xf32>, tensor<?x64xf32>
    %a = fpmoe.attention %query, %key, %value, %positions layer %layer heads 4 kv_heads 2 scale 0.25 : tensor<?x128xf32>, tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x128xf32>
    %x1 = fpmoe.linear %a, %o residual %x : tensor<?x32xf32> : tensor<?x128xf32>, tensor<32x128xf32> -> tensor<?x32xf32>
    %y = fpmoe.moe %x1 norm %norm : tensor<32xf32> eps 1.0e-6 shared %gate_up : tensor<80x32xf32>, %down : tensor<32x40xf32> -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
  func.func private @latent(%x: tensor<?x32xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x32xf32> {
    %norm = fpmoe.get @norm : tensor<32xf32>
    %rope8 = fpmoe.get @rope8 : tensor<64x8xf32>
    %q_a = fpmoe.get @q_a[%layer] : tensor<20x32xf32>
    %q_a_norm = fpmoe.get @q_a_norm[%layer] : tensor<20xf32>
    %q_b = fpmoe.get @q_b[%layer] : tensor<96x20xf32>
    %kv_a = fpmoe.get @kv_a[%layer] : tensor<12x32xf32>
    %kv_a_norm = fpmoe.get @kv_a_norm[%layer] : tensor<12xf32>
    %k_pe = fpmoe.get @k_pe[%layer] : tensor<8x32xf32>
    %k_b = fpmoe.get @k_b[%layer] : tensor<64x12xf32>
    %v_b = fpmoe.get @v_b[%layer] : tensor<128x12xf32>
    %o = fpmoe.get @o[%layer] : tensor<32x128xf32>
    %gate_up = fpmoe.get @gate_up[%layer] : tensor<80x32xf32>
    %down = fpmoe.get @down[%layer] : tensor<32x40xf32>
    %qa = fpmoe.linear %x, %q_a norm %norm : tensor<32xf32> eps 1.0e-6 : tensor<?x32xf32>, tensor<20x32xf32> -> tensor<?x20xf32>
    %q1 = fpmoe.linear %qa, %q_b norm %q_a_norm : tensor<20xf32> eps 1.0e-6 : tensor<?x20xf32>, tensor<96x20xf32> -> tensor<?x96xf32>
    %ka = fpmoe.linear %x, %kv_a norm %norm : tensor<32xf32> eps 1.0e-6 : tensor<?x32xf32>, tensor<12x32xf32> -> tensor<?x12xf32>
    %tail = fpmoe.linear %x, %k_pe norm %norm : tensor<32xf32> eps 1.0e-6 : tensor<?x32xf32>, tensor<8x32xf32> -> tensor<?x8xf32>
    %k1 = fpmoe.linear %ka, %k_b norm %kv_a_norm : tensor<12xf32> eps 1.0e-6 : tensor<?x12xf32>, tensor<64x12xf32> -> tensor<?x64xf32>
    %v1 = fpmoe.linear %ka, %v_b norm %kv_a_norm : tensor<12xf32> eps 1.0e-6 : tensor<?x12xf32>, tensor<128x12xf32> -> tensor<?x128xf32>
    %query, %key, %value = fpmoe.heads %q1, %k1, %v1, %positions tail %tail : tensor<?x8xf32> rope %rope8 heads 4 kv_heads 4 : tensor<?x96xf32>, tensor<?x64xf32>, tensor<?x128xf32>, tensor<64x8xf32> -> tensor<?x96xf32>, tensor<?x96xf32>, tensor<?x128xf32>
    %a = fpmoe.attention %query, %key, %value, %positions layer %layer heads 4 kv_heads 4 scale 0.25 : tensor<?x96xf32>, tensor<?x96xf32>, tensor<?x128xf32> -> tensor<?x128xf32>
    %x1 = fpmoe.linear %a, %o residual %x : tensor<?x32xf32> : tensor<?x128xf32>, tensor<32x128xf32> -> tensor<?x32xf32>
    %y = fpmoe.moe %x1 norm %norm : tensor<32xf32> eps 1.0e-6 shared %gate_up : tensor<80x32xf32>, %down : tensor<32x40xf32> -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
  func.func @main(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x40xf32> {
    %table = fpmoe.get @table : tensor<40x32xf32>
    %norm = fpmoe.get @norm : tensor<32xf32>
    %x = fpmoe.embedding %ids, %table : tensor<40x32xf32> -> tensor<?x32xf32>
    %y = fpmoe.layers %x, %positions bodies [@BODY] order [0, 0] : tensor<?x32xf32>
    %logits = fpmoe.linear %y, %table norm %norm : tensor<32xf32> eps 1.0e-6 : tensor<?x32xf32>, tensor<40x32xf32> -> tensor<?x40xf32>
    return %logits : tensor<?x40xf32>
  }
}
