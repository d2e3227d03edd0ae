// RUN: fpmoe-opt %s | fpmoe-opt | FileCheck %s

// The work of tiles: one layer as the schedule phase makes it, for one token
// and for many, then the parts that may be left out.

fpmoe.weight @table : tensor<7x64x16x1xf32> {
  %0 = fpmoe.load "table" : tensor<7x64x16x1xf32>
  fpmoe.yield %0 : tensor<7x64x16x1xf32>
}
fpmoe.weight @rope : tensor<256x12xf32> {
  %0 = fpmoe.load "rope" : tensor<256x12xf32>
  fpmoe.yield %0 : tensor<256x12xf32>
}
fpmoe.weight @norm layers [0, 1] : tensor<50xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "norm.{}"[%layer] : tensor<50xf32>
  fpmoe.yield %0 : tensor<50xf32>
}
fpmoe.weight @qkv layers [0, 1] : tensor<6x1x64x16x1xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "qkv.{}"[%layer] : tensor<6x1x64x16x1xf32>
  fpmoe.yield %0 : tensor<6x1x64x16x1xf32>
}
fpmoe.weight @bias layers [0, 1] : tensor<6x12xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "bias.{}"[%layer] : tensor<6x12xf32>
  fpmoe.yield %0 : tensor<6x12xf32>
}
fpmoe.weight @o layers [0, 1] : tensor<4x48x16x1xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "o.{}"[%layer] : tensor<4x48x16x1xf32>
  fpmoe.yield %0 : tensor<4x48x16x1xf32>
}
fpmoe.weight @router layers [0, 1] : tensor<3x50xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "router.{}"[%layer] : tensor<3x50xf32>
  fpmoe.yield %0 : tensor<3x50xf32>
}
fpmoe.weight @scale layers [0, 1] : tensor<1x50xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "scale.{}"[%layer] : tensor<1x50xf32>
  fpmoe.yield %0 : tensor<1x50xf32>
}
fpmoe.weight @gate_up layers [0, 1] : tensor<3x6x64x16x1xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "gate_up.{}"[%layer] : tensor<3x6x64x16x1xf32>
  fpmoe.yield %0 : tensor<3x6x64x16x1xf32>
}
fpmoe.weight @shared_gate_up layers [0, 1] : tensor<6x64x16x1xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "shared_gate_up.{}"[%layer] : tensor<6x64x16x1xf32>
  fpmoe.yield %0 : tensor<6x64x16x1xf32>
}
fpmoe.weight @down layers [0, 1] : tensor<3x4x48x16x1xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "down.{}"[%layer] : tensor<3x4x48x16x1xf32>
  fpmoe.yield %0 : tensor<3x4x48x16x1xf32>
}
fpmoe.weight @shared_down layers [0, 1] : tensor<4x48x16x1xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "shared_down.{}"[%layer] : tensor<4x48x16x1xf32>
  fpmoe.yield %0 : tensor<4x48x16x1xf32>
}

// CHECK-LABEL: mega.program @decode max_tokens 1 rows 1 context 256
// CHECK: mega.phase "embed" tiles [1] {
// CHECK: mega.embed %{{.*}} into %{{.*}} : tensor<7x64x16x1xf32>, memref<1x64xf32>
// CHECK: mega.barrier
// CHECK: mega.layers order [0, 0] {
// CHECK: mega.phase "attention_norm" {
// CHECK: mega.norm %{{.*}}, %{{.*}} into %{{.*}} eps 9.9{{.*}}E-7 : memref<1x64xf32>, tensor<50xf32>, memref<1x64x1x1xf32>
// CHECK: mega.phase "qkv" tiles [6, 1] {
// CHECK: mega.qkv %{{.*}}, %{{.*}} bias %{{.*}} : tensor<6x12xf32> rope %{{.*}} into %{{.*}}, %{{.*}} by %{{.*}} layer %{{.*}} heads 4 kv_heads 1 head_dim 12 span 16 : memref<1x64x1x1xf32>, tensor<6x1x64x16x1xf32>, tensor<256x12xf32>, memref<1x4x16xf32>, memref<2x1x?x32xf32>, memref<1x16xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "attention" tiles [1, 1] {
// CHECK: mega.attention %{{.*}}, %{{.*}} into %{{.*}} by %{{.*}} layer %{{.*}} heads 4 kv_heads 1 head_dim 12 value_dim 12 scale 2.5{{0*}}e-01 : memref<1x4x16xf32>, memref<2x1x?x32xf32>, memref<1x48x1x1xf32>, memref<4x272xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "output" tiles [4, 1] {
// CHECK: mega.linear %{{.*}}, %{{.*}} into %{{.*}} columns 50 panels 1 span 16 accumulate : memref<1x48x1x1xf32>, tensor<4x48x16x1xf32>, memref<1x64xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "route" {
// CHECK: mega.route %{{.*}} norm %{{.*}} router %{{.*}} : tensor<3x50xf32> scaled %{{.*}} : tensor<1x50xf32> into %{{.*}}, %{{.*}}, %{{.*}} by %{{.*}} layer %{{.*}} eps 9.9{{.*}}E-7 routing #fpmoe.token_choice<top_k = 1, renormalize = true> experts 3 : memref<1x64xf32>, tensor<50xf32>, memref<1x64xf32>, memref<1x1xi32>, memref<1x2xf32>, memref<6xf32>
// CHECK: mega.phase "expert_up" tiles [6] {
// CHECK: mega.expert_up %{{.*}} experts %{{.*}} : tensor<3x6x64x16x1xf32> shared %{{.*}} : tensor<6x64x16x1xf32> chosen %{{.*}} : memref<1x1xi32>, %{{.*}} : memref<1x2xf32> into %{{.*}} pairs 1 : memref<1x64xf32>, memref<2x48x1x1xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "expert_down" tiles [4] {
// CHECK: mega.expert_down %{{.*}} experts %{{.*}} : tensor<3x4x48x16x1xf32> shared %{{.*}} : tensor<4x48x16x1xf32> chosen %{{.*}} : memref<1x1xi32> into %{{.*}} panels 1 steps 48 : memref<2x48x1x1xf32>, memref<1x64xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "logits" tiles [7, 1] {
// CHECK: mega.linear %{{.*}}, %{{.*}} into %{{.*}} columns 101 panels 1 span 1 : memref<1x64x1x1xf32>, tensor<7x64x16x1xf32>, memref<?x101xf32>
mega.program @decode max_tokens 1 rows 1 context 256 {
  %x = mega.buffer shared : memref<1x64xf32>
  %normed = mega.buffer private : memref<1x64x1x1xf32>
  %query = mega.buffer shared : memref<1x4x16xf32>
  %cache = mega.buffer cache : memref<2x1x?x32xf32>
  %head = mega.buffer private : memref<1x16xf32>
  %attended = mega.buffer shared : memref<1x48x1x1xf32>
  %scores = mega.buffer private : memref<4x272xf32>
  %rows = mega.buffer private : memref<1x64xf32>
  %experts = mega.buffer private : memref<1x1xi32>
  %weights = mega.buffer private : memref<1x2xf32>
  %candidates = mega.buffer private : memref<6xf32>
  %act = mega.buffer shared : memref<2x48x1x1xf32>
  %logits = mega.buffer logits : memref<?x101xf32>
  %table = mega.weight @table : tensor<7x64x16x1xf32>
  mega.phase "embed" tiles [1] {
    mega.embed %table into %x : tensor<7x64x16x1xf32>, memref<1x64xf32>
  }
  mega.barrier
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    %rope = mega.weight @rope : tensor<256x12xf32>
    %norm = mega.weight @norm[%layer] : tensor<50xf32>
    %qkv = mega.weight @qkv[%layer] : tensor<6x1x64x16x1xf32>
    %bias = mega.weight @bias[%layer] : tensor<6x12xf32>
    %o = mega.weight @o[%layer] : tensor<4x48x16x1xf32>
    %router = mega.weight @router[%layer] : tensor<3x50xf32>
    %scale = mega.weight @scale[%layer] : tensor<1x50xf32>
    %gate_up = mega.weight @gate_up[%layer] : tensor<3x6x64x16x1xf32>
    %shared_gate_up = mega.weight @shared_gate_up[%layer] : tensor<6x64x16x1xf32>
    %down = mega.weight @down[%layer] : tensor<3x4x48x16x1xf32>
    %shared_down = mega.weight @shared_down[%layer] : tensor<4x48x16x1xf32>
    mega.phase "attention_norm" {
      mega.norm %x, %norm into %normed eps 1.0e-6 : memref<1x64xf32>, tensor<50xf32>, memref<1x64x1x1xf32>
    }
    mega.phase "qkv" tiles [6, 1] {
      mega.qkv %normed, %qkv bias %bias : tensor<6x12xf32> rope %rope into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 span 16 : memref<1x64x1x1xf32>, tensor<6x1x64x16x1xf32>, tensor<256x12xf32>, memref<1x4x16xf32>, memref<2x1x?x32xf32>, memref<1x16xf32>
    }
    mega.barrier
    mega.phase "attention" tiles [1, 1] {
      mega.attention %query, %cache into %attended by %scores layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 scale 0.25 : memref<1x4x16xf32>, memref<2x1x?x32xf32>, memref<1x48x1x1xf32>, memref<4x272xf32>
    }
    mega.barrier
    mega.phase "output" tiles [4, 1] {
      mega.linear %attended, %o into %x columns 50 panels 1 span 16 accumulate : memref<1x48x1x1xf32>, tensor<4x48x16x1xf32>, memref<1x64xf32>
    }
    mega.barrier
    mega.phase "route" {
      mega.route %x norm %norm router %router : tensor<3x50xf32> scaled %scale : tensor<1x50xf32> into %rows, %experts, %weights by %candidates layer %layer eps 1.0e-6 routing #fpmoe.token_choice<top_k = 1, renormalize = true> experts 3 : memref<1x64xf32>, tensor<50xf32>, memref<1x64xf32>, memref<1x1xi32>, memref<1x2xf32>, memref<6xf32>
    }
    mega.phase "expert_up" tiles [6] {
      mega.expert_up %rows experts %gate_up : tensor<3x6x64x16x1xf32> shared %shared_gate_up : tensor<6x64x16x1xf32> chosen %experts : memref<1x1xi32>, %weights : memref<1x2xf32> into %act pairs 1 : memref<1x64xf32>, memref<2x48x1x1xf32>
    }
    mega.barrier
    mega.phase "expert_down" tiles [4] {
      mega.expert_down %act experts %down : tensor<3x4x48x16x1xf32> shared %shared_down : tensor<4x48x16x1xf32> chosen %experts : memref<1x1xi32> into %x panels 1 steps 48 : memref<2x48x1x1xf32>, memref<1x64xf32>
    }
    mega.barrier
  }
  mega.phase "logits" tiles [7, 1] {
    mega.linear %normed, %table into %logits columns 101 panels 1 span 1 : memref<1x64x1x1xf32>, tensor<7x64x16x1xf32>, memref<?x101xf32>
  }
}

// CHECK-LABEL: mega.program @prefill max_tokens 256 rows 12 context 256
// CHECK: mega.phase "embed" tiles ["tokens"] {
// CHECK: mega.embed %{{.*}} into %{{.*}} : tensor<7x64x16x1xf32>, memref<256x64xf32>
// CHECK: mega.barrier
// CHECK: mega.layers order [0, 0] {
// CHECK: mega.phase "qkv" tiles [6, "spans"] {
// CHECK: mega.qkv %{{.*}}, %{{.*}} rope %{{.*}} into %{{.*}}, %{{.*}} by %{{.*}} layer %{{.*}} heads 4 kv_heads 1 head_dim 12 span 16 : memref<22x64x12x1xf32>, tensor<6x1x64x16x1xf32>, tensor<256x12xf32>, memref<264x4x16xf32>, memref<2x1x?x32xf32>, memref<12x16xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "attention" tiles [4, "blocks"] {
// CHECK: mega.attention %{{.*}}, %{{.*}} into %{{.*}} by %{{.*}} layer %{{.*}} heads 4 kv_heads 1 head_dim 12 value_dim 12 scale 2.5{{0*}}e-01 window 32 : memref<264x4x16xf32>, memref<2x1x?x32xf32>, memref<22x48x12x1xf32>, memref<12x272xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "route" tiles ["blocks"] {
// CHECK: mega.route %{{.*}} norm %{{.*}} into %{{.*}}, %{{.*}}, %{{.*}} by %{{.*}} layer %{{.*}} eps 9.9{{.*}}E-7 experts 0 : memref<256x64xf32>, tensor<50xf32>, memref<256x64xf32>, memref<256x1xi32>, memref<256x2xf32>, memref<6xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "group" {
// CHECK: mega.group %{{.*}}, %{{.*}} into %{{.*}} experts 3 shared true : memref<256x1xi32>, memref<256x2xf32>, memref<1155xi32>
// CHECK: mega.phase "gather" tiles ["slots"] {
// CHECK: mega.gather %{{.*}} by %{{.*}} into %{{.*}} : memref<256x64xf32>, memref<1155xi32>, memref<46x64x12x1xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "expert_up" tiles [12] {
// CHECK: mega.expert_up %{{.*}} experts %{{.*}} : tensor<3x6x64x16x1xf32> groups %{{.*}} : memref<1155xi32> into %{{.*}} pairs 1 : memref<46x64x12x1xf32>, memref<46x48x12x1xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "expert_down" tiles [2] {
// CHECK: mega.expert_down %{{.*}} shared %{{.*}} : tensor<4x48x16x1xf32> groups %{{.*}} : memref<1155xi32> into %{{.*}} panels 2 steps 48 : memref<46x48x12x1xf32>, memref<256x64xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "final_norm" tiles ["logits"] {
// CHECK: mega.norm %{{.*}}, %{{.*}} into %{{.*}} eps 9.9{{.*}}E-7 logits : memref<256x64xf32>, tensor<50xf32>, memref<22x64x12x1xf32>
// CHECK: mega.barrier
mega.program @prefill max_tokens 256 rows 12 context 256 {
  %x = mega.buffer shared : memref<256x64xf32>
  %normed = mega.buffer shared : memref<22x64x12x1xf32>
  %query = mega.buffer shared : memref<264x4x16xf32>
  %cache = mega.buffer cache : memref<2x1x?x32xf32>
  %head = mega.buffer private : memref<12x16xf32>
  %attended = mega.buffer shared : memref<22x48x12x1xf32>
  %scores = mega.buffer private : memref<12x272xf32>
  %rows = mega.buffer shared : memref<256x64xf32>
  %experts = mega.buffer shared : memref<256x1xi32>
  %weights = mega.buffer shared : memref<256x2xf32>
  %candidates = mega.buffer private : memref<6xf32>
  %groups = mega.buffer private : memref<1155xi32>
  %packed = mega.buffer shared : memref<46x64x12x1xf32>
  %act = mega.buffer shared : memref<46x48x12x1xf32>
  %table = mega.weight @table : tensor<7x64x16x1xf32>
  mega.phase "embed" tiles ["tokens"] {
    mega.embed %table into %x : tensor<7x64x16x1xf32>, memref<256x64xf32>
  }
  mega.barrier
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    %rope = mega.weight @rope : tensor<256x12xf32>
    %norm = mega.weight @norm[%layer] : tensor<50xf32>
    %qkv = mega.weight @qkv[%layer] : tensor<6x1x64x16x1xf32>
    %o = mega.weight @o[%layer] : tensor<4x48x16x1xf32>
    %router = mega.weight @router[%layer] : tensor<3x50xf32>
    %scale = mega.weight @scale[%layer] : tensor<1x50xf32>
    %gate_up = mega.weight @gate_up[%layer] : tensor<3x6x64x16x1xf32>
    %shared_gate_up = mega.weight @shared_gate_up[%layer] : tensor<6x64x16x1xf32>
    %down = mega.weight @down[%layer] : tensor<3x4x48x16x1xf32>
    %shared_down = mega.weight @shared_down[%layer] : tensor<4x48x16x1xf32>
    mega.phase "qkv" tiles [6, "spans"] {
      mega.qkv %normed, %qkv rope %rope into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 span 16 : memref<22x64x12x1xf32>, tensor<6x1x64x16x1xf32>, tensor<256x12xf32>, memref<264x4x16xf32>, memref<2x1x?x32xf32>, memref<12x16xf32>
    }
    mega.barrier
    mega.phase "attention" tiles [4, "blocks"] {
      mega.attention %query, %cache into %attended by %scores layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 scale 0.25 window 32 : memref<264x4x16xf32>, memref<2x1x?x32xf32>, memref<22x48x12x1xf32>, memref<12x272xf32>
    }
    mega.barrier
    mega.phase "route" tiles ["blocks"] {
      mega.route %x norm %norm into %rows, %experts, %weights by %candidates layer %layer eps 1.0e-6 experts 0 : memref<256x64xf32>, tensor<50xf32>, memref<256x64xf32>, memref<256x1xi32>, memref<256x2xf32>, memref<6xf32>
    }
    mega.barrier
    mega.phase "group" {
      mega.group %experts, %weights into %groups experts 3 shared true : memref<256x1xi32>, memref<256x2xf32>, memref<1155xi32>
    }
    mega.phase "gather" tiles ["slots"] {
      mega.gather %rows by %groups into %packed : memref<256x64xf32>, memref<1155xi32>, memref<46x64x12x1xf32>
    }
    mega.barrier
    mega.phase "expert_up" tiles [12] {
      mega.expert_up %packed experts %gate_up : tensor<3x6x64x16x1xf32> groups %groups : memref<1155xi32> into %act pairs 1 : memref<46x64x12x1xf32>, memref<46x48x12x1xf32>
    }
    mega.barrier
    mega.phase "expert_down" tiles [2] {
      mega.expert_down %act shared %shared_down : tensor<4x48x16x1xf32> groups %groups : memref<1155xi32> into %x panels 2 steps 48 : memref<46x48x12x1xf32>, memref<256x64xf32>
    }
    mega.barrier
    mega.phase "final_norm" tiles ["logits"] {
      mega.norm %x, %norm into %normed eps 1.0e-6 logits : memref<256x64xf32>, tensor<50xf32>, memref<22x64x12x1xf32>
    }
    mega.barrier
  }
}

// Experts that choose segments.
// CHECK-LABEL: mega.program @segments max_tokens 24
// CHECK: mega.phase "segment_scores" tiles [3] {
// CHECK: mega.segment_scores %{{.*}} norm %{{.*}} router %{{.*}} into %{{.*}} by %{{.*}} eps 9.9{{.*}}E-7 routing <token_experts = 2, shared = 1, top_k = 1, {{.*}}> : memref<24x64xf32>, tensor<50xf32>, tensor<3x50xf32>, memref<3x1xf32>, memref<64xf32>
// CHECK: mega.phase "segment_choose" tiles [1] {
// CHECK: mega.segment_choose %{{.*}} into %{{.*}}, %{{.*}} by %{{.*}} routing <token_experts = 2, shared = 1, top_k = 1, {{.*}}> : memref<3x1xf32>, memref<24x3xi32>, memref<24x4xf32>, memref<6xi32>
mega.program @segments max_tokens 24 rows 12 context 256 {
  %x = mega.buffer shared : memref<24x64xf32>
  %experts = mega.buffer shared : memref<24x3xi32>
  %weights = mega.buffer shared : memref<24x4xf32>
  %scores = mega.buffer shared : memref<3x1xf32>
  %pooled = mega.buffer private : memref<64xf32>
  %taken = mega.buffer private : memref<6xi32>
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    %norm = mega.weight @norm[%layer] : tensor<50xf32>
    %router = mega.weight @router[%layer] : tensor<3x50xf32>
    mega.phase "segment_scores" tiles [3] {
      mega.segment_scores %x norm %norm router %router into %scores by %pooled eps 1.0e-6 routing <token_experts = 2, shared = 1, top_k = 1, token_share = 0.5, whole = <segment = 8, max_experts = 1, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.5> : memref<24x64xf32>, tensor<50xf32>, tensor<3x50xf32>, memref<3x1xf32>, memref<64xf32>
    }
    mega.barrier
    mega.phase "segment_choose" tiles [1] {
      mega.segment_choose %scores into %experts, %weights by %taken routing <token_experts = 2, shared = 1, top_k = 1, token_share = 0.5, whole = <segment = 8, max_experts = 1, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.5> : memref<3x1xf32>, memref<24x3xi32>, memref<24x4xf32>, memref<6xi32>
    }
    mega.barrier
  }
}

// Heads that are finished behind their products: norms of whole rows, and with a tail.
// CHECK-LABEL: mega.program @heads
// CHECK: mega.heads %{{.*}}, %{{.*}}, %{{.*}} norms %{{.*}} : tensor<48xf32>, %{{.*}} : tensor<12xf32> eps 9.9{{.*}}E-7 clip 8.0{{.*}} rope %{{.*}} into %{{.*}}, %{{.*}} by %{{.*}} layer %{{.*}} heads 4 kv_heads 1 head_dim 12 value_dim 12
// CHECK: mega.heads %{{.*}}, %{{.*}}, %{{.*}} tail %{{.*}} : memref<24x16xf32> rope
fpmoe.weight @rope4 : tensor<64x4xf32> {
  %0 = fpmoe.rope_table theta 1.0e4 : tensor<64x4xf32>
  fpmoe.yield %0 : tensor<64x4xf32>
}
fpmoe.weight @q_norm : tensor<48xf32> {
  %0 = fpmoe.load "q" : tensor<48xf32>
  fpmoe.yield %0 : tensor<48xf32>
}
fpmoe.weight @k_norm : tensor<12xf32> {
  %0 = fpmoe.load "k" : tensor<12xf32>
  fpmoe.yield %0 : tensor<12xf32>
}
mega.program @heads max_tokens 24 rows 12 context 64 {
  %q = mega.buffer shared : memref<24x48xf32>
  %k = mega.buffer shared : memref<24x16xf32>
  %tail = mega.buffer shared : memref<24x16xf32>
  %v = mega.buffer shared : memref<24x16xf32>
  %query = mega.buffer shared : memref<24x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %head = mega.buffer private : memref<1x16xf32>
  %rope = mega.weight @rope : tensor<256x12xf32>
  %rope4 = mega.weight @rope4 : tensor<64x4xf32>
  %q_norm = mega.weight @q_norm : tensor<48xf32>
  %k_norm = mega.weight @k_norm : tensor<12xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "heads" tiles ["tokens"] {
      mega.heads %q, %k, %v norms %q_norm : tensor<48xf32>, %k_norm : tensor<12xf32> eps 1.0e-6 clip 8.0 rope %rope into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 : memref<24x48xf32>, memref<24x16xf32>, memref<24x16xf32>, tensor<256x12xf32>, memref<24x4x16xf32>, memref<1x1x?x32xf32>, memref<1x16xf32>
    }
    mega.barrier
    mega.phase "latent" tiles ["tokens"] {
      mega.heads %q, %k, %v tail %tail : memref<24x16xf32> rope %rope4 into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 : memref<24x48xf32>, memref<24x16xf32>, memref<24x16xf32>, tensor<64x4xf32>, memref<24x4x16xf32>, memref<1x1x?x32xf32>, memref<1x16xf32>
    }
  }
}

// Adapters for each language.
// CHECK-LABEL: mega.program @languages max_tokens 24
// CHECK: mega.phase "low_rank" tiles ["blocks"] {
// CHECK: mega.low_rank %{{.*}}, %{{.*}} columns 50 ranks [2, 4, 0, 8] : memref<2x80x12x1xf32>, tensor<1x64x16x1xf32>
fpmoe.weight @low_rank : tensor<1x64x16x1xf32> {
  %0 = fpmoe.load "low_rank" : tensor<1x64x16x1xf32>
  fpmoe.yield %0 : tensor<1x64x16x1xf32>
}
mega.program @languages max_tokens 24 rows 12 context 256 {
  %operand = mega.buffer shared : memref<2x80x12x1xf32>
  %low_rank = mega.weight @low_rank : tensor<1x64x16x1xf32>
  mega.phase "low_rank" tiles ["blocks"] {
    mega.low_rank %operand, %low_rank columns 50 ranks [2, 4, 0, 8] : memref<2x80x12x1xf32>, tensor<1x64x16x1xf32>
  }
}

// The inputs of the layers in the place of the logits.
// CHECK-LABEL: mega.program @inputs max_tokens 24
// CHECK: mega.phase "keep_rows" tiles ["tokens"] {
// CHECK: mega.keep_rows %{{.*}} into %{{.*}} layer %{{.*}} columns 50 : memref<24x64xf32>, memref<?x100xf32>
mega.program @inputs max_tokens 24 rows 12 context 256 {
  %x = mega.buffer shared : memref<24x64xf32>
  %kept = mega.buffer logits : memref<?x100xf32>
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    mega.phase "keep_rows" tiles ["tokens"] {
      mega.keep_rows %x into %kept layer %layer columns 50 : memref<24x64xf32>, memref<?x100xf32>
    }
  }
}
