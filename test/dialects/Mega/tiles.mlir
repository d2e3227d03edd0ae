// RUN: fpmoe-opt %s | fpmoe-opt | FileCheck %s
// RUN: sed -e '/^mega.program @formats/,/^}/d' -e '/^mega.program @threads/,/^}/d' %s | fpmoe-opt --pass-pipeline='builtin.module(fpmoe-assign-places,mega.program(mega-assign-buffers),mega-outline-phases,mega-lower-phases)' | FileCheck %s --check-prefix=CODE --implicit-check-not=mega.

// The work of tiles: one layer as the schedule phase makes it, for one token
// and for many, then the parts that may be left out. There is code for all of it.

// CODE: llvm.func internal @prefill.kind0.expert_down(

#packed = #mega.packed<n = 16, k = 1>
#halves = #mega.packed<n = 16, k = 1, halves = true>

fpmoe.weight @table : tensor<101x50xf32, #packed> {
  %0 = fpmoe.load "table" : tensor<101x50xf32>
  %1 = fpmoe.pack %0 : tensor<101x50xf32> -> tensor<101x50xf32, #packed>
  fpmoe.yield %1 : tensor<101x50xf32, #packed>
}
fpmoe.weight @rope : tensor<6xf32> {
  %0 = fpmoe.rope_frequencies theta 1.0e4 : tensor<6xf32>
  fpmoe.yield %0 : tensor<6xf32>
}
fpmoe.weight @norm layers [0, 1] : tensor<50xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "norm.{}"[%layer] : tensor<50xf32>
  fpmoe.yield %0 : tensor<50xf32>
}
fpmoe.weight @qkv layers [0, 1] : tensor<6x12x50xf32, #packed> {
^bb0(%layer: index):
  %0 = fpmoe.load "qkv.{}"[%layer] : tensor<6x12x50xf32>
  %1 = fpmoe.pack %0 : tensor<6x12x50xf32> -> tensor<6x12x50xf32, #packed>
  fpmoe.yield %1 : tensor<6x12x50xf32, #packed>
}
fpmoe.weight @bias layers [0, 1] : tensor<6x12xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "bias.{}"[%layer] : tensor<6x12xf32>
  fpmoe.yield %0 : tensor<6x12xf32>
}
fpmoe.weight @o layers [0, 1] : tensor<50x48xf32, #packed> {
^bb0(%layer: index):
  %0 = fpmoe.load "o.{}"[%layer] : tensor<50x48xf32>
  %1 = fpmoe.pack %0 : tensor<50x48xf32> -> tensor<50x48xf32, #packed>
  fpmoe.yield %1 : tensor<50x48xf32, #packed>
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
fpmoe.weight @gate_up layers [0, 1] : tensor<3x72x50xf32, #halves> {
^bb0(%layer: index):
  %0 = fpmoe.load "gate_up.{}"[%layer] : tensor<3x72x50xf32>
  %1 = fpmoe.pack %0 : tensor<3x72x50xf32> -> tensor<3x72x50xf32, #halves>
  fpmoe.yield %1 : tensor<3x72x50xf32, #halves>
}
fpmoe.weight @shared_gate_up layers [0, 1] : tensor<72x50xf32, #halves> {
^bb0(%layer: index):
  %0 = fpmoe.load "shared_gate_up.{}"[%layer] : tensor<72x50xf32>
  %1 = fpmoe.pack %0 : tensor<72x50xf32> -> tensor<72x50xf32, #halves>
  fpmoe.yield %1 : tensor<72x50xf32, #halves>
}
fpmoe.weight @down layers [0, 1] : tensor<3x50x36xf32, #packed> {
^bb0(%layer: index):
  %0 = fpmoe.load "down.{}"[%layer] : tensor<3x50x36xf32>
  %1 = fpmoe.pack %0 : tensor<3x50x36xf32> -> tensor<3x50x36xf32, #packed>
  fpmoe.yield %1 : tensor<3x50x36xf32, #packed>
}
fpmoe.weight @shared_down layers [0, 1] : tensor<50x36xf32, #packed> {
^bb0(%layer: index):
  %0 = fpmoe.load "shared_down.{}"[%layer] : tensor<50x36xf32>
  %1 = fpmoe.pack %0 : tensor<50x36xf32> -> tensor<50x36xf32, #packed>
  fpmoe.yield %1 : tensor<50x36xf32, #packed>
}

// CHECK-LABEL: mega.program @decode max_tokens 1 rows 1 context 256
// CHECK: mega.phase "rope" {
// CHECK: mega.rope %{{.*}} at %{{.*}} into %{{.*}} magnitude 1.0{{.*}} : tensor<6xf32>, memref<?xi32>, memref<1x12xf32>
// CHECK: mega.phase "embed" tiles [1] {
// CHECK: mega.embed %{{.*}} at %{{.*}} into %{{.*}} : tensor<101x50xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<1x64xf32>
// CHECK: mega.barrier
// CHECK: mega.layers order [0, 0] {
// CHECK: mega.phase "attention_norm" {
// CHECK: mega.norm %{{.*}}, %{{.*}} into %{{.*}} eps 9.9{{.*}}E-7 : memref<1x64xf32>, tensor<50xf32>, memref<1x64x1x1xf32>
// CHECK: mega.phase "qkv" tiles [6, 1] {
// CHECK: mega.qkv %{{.*}}, %{{.*}} bias %{{.*}} : tensor<6x12xf32> rope %{{.*}} at %{{.*}} into %{{.*}}, %{{.*}} by %{{.*}} layer %{{.*}} heads 4 kv_heads 1 head_dim 12 group 16 : memref<1x64x1x1xf32>, tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>, memref<1x12xf32>, memref<?xi32>, memref<1x4x16xf32>, memref<2x1x?x32xf32>, memref<1x16xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "attention" tiles [1, spans] {
// CHECK: mega.attend_span %{{.*}}, %{{.*}} at %{{.*}} into %{{.*}} by %{{.*}} layer %{{.*}} heads 4 kv_heads 1 head_dim 12 value_dim 12 span 256 scale 2.5{{0*}}e-01 : memref<1x4x16xf32>, memref<2x1x?x32xf32>, memref<?xi32>, memref<1x1x4x32xf32>, memref<4x272xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "merge_spans" tiles [4] {
// CHECK: mega.merge_spans %{{.*}} at %{{.*}} into %{{.*}} value_dim 12 span 256 : memref<1x1x4x32xf32>, memref<?xi32>, memref<1x48x1x1xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "output" tiles [4, 1] {
// CHECK: mega.linear %{{.*}}, %{{.*}} into %{{.*}} vectors 1 group 16 accumulate : memref<1x48x1x1xf32>, tensor<50x48xf32, #mega.packed<n = 16, k = 1>>, memref<1x64xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "route" {
// CHECK: mega.route %{{.*}} norm %{{.*}} router %{{.*}} : tensor<3x50xf32> scaled %{{.*}} : tensor<1x50xf32> forced %{{.*}} : memref<?xi32> into %{{.*}}, %{{.*}}, %{{.*}} by %{{.*}} eps 9.9{{.*}}E-7 routing #fpmoe.token_choice<top_k = 1, renormalize = true> experts 3 times 2.0{{.*}} : memref<1x64xf32>, tensor<50xf32>, memref<1x64x1x1xf32>, memref<1x1xi32>, memref<1x2xf32>, memref<6xf32>
// CHECK: mega.phase "record_routes" tiles [1] {
// CHECK: mega.record_routes of %{{.*}} : memref<1x1xi32> into %{{.*}} layer %{{.*}} columns 2 max_tokens 256 : memref<?xi32>
// CHECK: mega.phase "expert_up" tiles [6] {
// CHECK: mega.expert_up %{{.*}} experts %{{.*}} : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> shared %{{.*}} : tensor<72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> chosen %{{.*}} : memref<1x1xi32>, %{{.*}} : memref<1x2xf32> into %{{.*}} pairs 1 : memref<1x64x1x1xf32>, memref<2x48x1x1xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "expert_down" tiles [4] {
// CHECK: mega.expert_down %{{.*}} experts %{{.*}} : tensor<3x50x36xf32, #mega.packed<n = 16, k = 1>> shared %{{.*}} : tensor<50x36xf32, #mega.packed<n = 16, k = 1>> chosen %{{.*}} : memref<1x1xi32> into %{{.*}} vectors 1 depth 48 : memref<2x48x1x1xf32>, memref<1x64xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "logits" tiles [7, 1] {
// CHECK: mega.linear %{{.*}}, %{{.*}} into %{{.*}} vectors 1 group 1 : memref<1x64x1x1xf32>, tensor<101x50xf32, #mega.packed<n = 16, k = 1>>, memref<?x101xf32>
mega.program @decode max_tokens 1 rows 1 context 256 {
  %x = mega.buffer shared : memref<1x64xf32>
  %normed = mega.buffer private : memref<1x64x1x1xf32>
  %query = mega.buffer shared : memref<1x4x16xf32>
  %cache = mega.buffer cache : memref<2x1x?x32xf32>
  %head = mega.buffer private : memref<1x16xf32>
  %attended = mega.buffer shared : memref<1x48x1x1xf32>
  %scores = mega.buffer private : memref<4x272xf32>
  %partial = mega.buffer shared : memref<1x1x4x32xf32>
  %rows = mega.buffer private : memref<1x64x1x1xf32>
  %experts = mega.buffer private : memref<1x1xi32>
  %weights = mega.buffer private : memref<1x2xf32>
  %candidates = mega.buffer private : memref<6xf32>
  %act = mega.buffer shared : memref<2x48x1x1xf32>
  %logits = mega.buffer logits : memref<?x101xf32>
  %angles = mega.buffer private : memref<1x12xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %positions = mega.input positions : memref<?xi32>
  %forced = mega.input forced : memref<?xi32>
  %routes = mega.input routes : memref<?xi32>
  %rope = mega.weight @rope : tensor<6xf32>
  %table = mega.weight @table : tensor<101x50xf32, #packed>
  mega.phase "rope" {
    mega.rope %rope at %positions into %angles magnitude 1.0 : tensor<6xf32>, memref<?xi32>, memref<1x12xf32>
  }
  mega.phase "embed" tiles [1] {
    mega.embed %table at %tokens into %x : tensor<101x50xf32, #packed>, memref<?xi32>, memref<1x64xf32>
  }
  mega.barrier
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    %norm = mega.weight @norm[%layer] : tensor<50xf32>
    %qkv = mega.weight @qkv[%layer] : tensor<6x12x50xf32, #packed>
    %bias = mega.weight @bias[%layer] : tensor<6x12xf32>
    %o = mega.weight @o[%layer] : tensor<50x48xf32, #packed>
    %router = mega.weight @router[%layer] : tensor<3x50xf32>
    %scale = mega.weight @scale[%layer] : tensor<1x50xf32>
    %gate_up = mega.weight @gate_up[%layer] : tensor<3x72x50xf32, #halves>
    %shared_gate_up = mega.weight @shared_gate_up[%layer] : tensor<72x50xf32, #halves>
    %down = mega.weight @down[%layer] : tensor<3x50x36xf32, #packed>
    %shared_down = mega.weight @shared_down[%layer] : tensor<50x36xf32, #packed>
    mega.phase "attention_norm" {
      mega.norm %x, %norm into %normed eps 1.0e-6 : memref<1x64xf32>, tensor<50xf32>, memref<1x64x1x1xf32>
    }
    mega.phase "qkv" tiles [6, 1] {
      mega.qkv %normed, %qkv bias %bias : tensor<6x12xf32> rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 group 16 : memref<1x64x1x1xf32>, tensor<6x12x50xf32, #packed>, memref<1x12xf32>, memref<?xi32>, memref<1x4x16xf32>, memref<2x1x?x32xf32>, memref<1x16xf32>
    }
    mega.barrier
    mega.phase "attention" tiles [1, spans] {
      mega.attend_span %query, %cache at %positions into %partial by %scores layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 256 scale 0.25 : memref<1x4x16xf32>, memref<2x1x?x32xf32>, memref<?xi32>, memref<1x1x4x32xf32>, memref<4x272xf32>
    }
    mega.barrier
    mega.phase "merge_spans" tiles [4] {
      mega.merge_spans %partial at %positions into %attended value_dim 12 span 256 : memref<1x1x4x32xf32>, memref<?xi32>, memref<1x48x1x1xf32>
    }
    mega.barrier
    mega.phase "output" tiles [4, 1] {
      mega.linear %attended, %o into %x vectors 1 group 16 accumulate : memref<1x48x1x1xf32>, tensor<50x48xf32, #packed>, memref<1x64xf32>
    }
    mega.barrier
    mega.phase "route" {
      mega.route %x norm %norm router %router : tensor<3x50xf32> scaled %scale : tensor<1x50xf32> forced %forced : memref<?xi32> into %rows, %experts, %weights by %candidates eps 1.0e-6 routing #fpmoe.token_choice<top_k = 1, renormalize = true> experts 3 times 2.0 : memref<1x64xf32>, tensor<50xf32>, memref<1x64x1x1xf32>, memref<1x1xi32>, memref<1x2xf32>, memref<6xf32>
    }
    mega.phase "record_routes" tiles [1] {
      mega.record_routes of %experts : memref<1x1xi32> into %routes layer %layer columns 2 max_tokens 256 : memref<?xi32>
    }
    mega.phase "expert_up" tiles [6] {
      mega.expert_up %rows experts %gate_up : tensor<3x72x50xf32, #halves> shared %shared_gate_up : tensor<72x50xf32, #halves> chosen %experts : memref<1x1xi32>, %weights : memref<1x2xf32> into %act pairs 1 : memref<1x64x1x1xf32>, memref<2x48x1x1xf32>
    }
    mega.barrier
    mega.phase "expert_down" tiles [4] {
      mega.expert_down %act experts %down : tensor<3x50x36xf32, #packed> shared %shared_down : tensor<50x36xf32, #packed> chosen %experts : memref<1x1xi32> into %x vectors 1 depth 48 : memref<2x48x1x1xf32>, memref<1x64xf32>
    }
    mega.barrier
  }
  mega.phase "logits" tiles [7, 1] {
    mega.linear %normed, %table into %logits vectors 1 group 1 : memref<1x64x1x1xf32>, tensor<101x50xf32, #packed>, memref<?x101xf32>
  }
}

// CHECK-LABEL: mega.program @prefill max_tokens 256 rows 12 context 256
// CHECK: mega.phase "rope" tiles [tokens] {
// CHECK: mega.rope %{{.*}} at %{{.*}} into %{{.*}} magnitude 1.25{{.*}} : tensor<6xf32>, memref<?xi32>, memref<256x12xf32>
// CHECK: mega.phase "embed" tiles [tokens] {
// CHECK: mega.embed %{{.*}} at %{{.*}} into %{{.*}} : tensor<101x50xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<256x64xf32>
// CHECK: mega.barrier
// CHECK: mega.layers order [0, 0] {
// CHECK: mega.phase "qkv" tiles [6, block_groups] {
// CHECK: mega.qkv %{{.*}}, %{{.*}} rope %{{.*}} at %{{.*}} into %{{.*}}, %{{.*}} by %{{.*}} layer %{{.*}} heads 4 kv_heads 1 head_dim 12 group 16 : memref<22x64x12x1xf32>, tensor<6x12x50xf32, #mega.packed<n = 16, k = 1>>, memref<256x12xf32>, memref<?xi32>, memref<264x4x16xf32>, memref<2x1x?x32xf32>, memref<12x16xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "attention" tiles [1, query_blocks] {
// CHECK: mega.attention %{{.*}}, %{{.*}} at %{{.*}} into %{{.*}} by %{{.*}}, %{{.*}} layer %{{.*}} heads 4 kv_heads 1 head_dim 12 value_dim 12 span 256 scale 2.5{{0*}}e-01 window 32 : memref<264x4x16xf32>, memref<2x1x?x32xf32>, memref<?xi32>, memref<22x48x12x1xf32>, memref<12x272xf32>, memref<48x32xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "route" tiles [blocks] {
// CHECK: mega.route %{{.*}} norm %{{.*}} into %{{.*}}, %{{.*}}, %{{.*}} by %{{.*}} eps 9.9{{.*}}E-7 routing #fpmoe.fixed<expert = 2> experts 3 : memref<256x64xf32>, tensor<50xf32>, memref<256x64x1x1xf32>, memref<256x1xi32>, memref<256x2xf32>, memref<6xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "record_routes" tiles [tokens] {
// CHECK: mega.record_routes into %{{.*}} layer %{{.*}} columns 2 max_tokens 256 : memref<?xi32>
// CHECK: mega.phase "group" {
// CHECK: mega.group %{{.*}}, %{{.*}} into %{{.*}} experts 3 shared true : memref<256x1xi32>, memref<256x2xf32>, memref<1155xi32>
// CHECK: mega.phase "gather" tiles [expert_blocks] {
// CHECK: mega.gather %{{.*}} by %{{.*}} into %{{.*}} : memref<256x64x1x1xf32>, memref<1155xi32>, memref<46x64x12x1xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "expert_up" tiles [12] {
// CHECK: mega.expert_up %{{.*}} experts %{{.*}} : tensor<3x72x50xf32, #mega.packed<n = 16, k = 1, halves = true>> groups %{{.*}} : memref<1155xi32> into %{{.*}} pairs 1 : memref<46x64x12x1xf32>, memref<46x48x12x1xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "expert_down" tiles [2] {
// CHECK: mega.expert_down %{{.*}} shared %{{.*}} : tensor<50x36xf32, #mega.packed<n = 16, k = 1>> groups %{{.*}} : memref<1155xi32> into %{{.*}} vectors 2 depth 48 : memref<46x48x12x1xf32>, memref<256x64xf32>
// CHECK: mega.barrier
// CHECK: mega.phase "final_norm" tiles [logits_blocks] {
// CHECK: mega.norm %{{.*}}, %{{.*}} of %{{.*}} : memref<?xi32> into %{{.*}} eps 9.9{{.*}}E-7 : memref<256x64xf32>, tensor<50xf32>, memref<22x64x12x1xf32>
// CHECK: mega.barrier
mega.program @prefill max_tokens 256 rows 12 context 256 {
  %x = mega.buffer shared : memref<256x64xf32>
  %normed = mega.buffer shared : memref<22x64x12x1xf32>
  %query = mega.buffer shared : memref<264x4x16xf32>
  %cache = mega.buffer cache : memref<2x1x?x32xf32>
  %head = mega.buffer private : memref<12x16xf32>
  %attended = mega.buffer shared : memref<22x48x12x1xf32>
  %scores = mega.buffer private : memref<12x272xf32>
  %sums = mega.buffer private : memref<48x32xf32>
  %rows = mega.buffer shared : memref<256x64x1x1xf32>
  %experts = mega.buffer shared : memref<256x1xi32>
  %weights = mega.buffer shared : memref<256x2xf32>
  %candidates = mega.buffer private : memref<6xf32>
  %groups = mega.buffer private : memref<1155xi32>
  %packed = mega.buffer shared : memref<46x64x12x1xf32>
  %act = mega.buffer shared : memref<46x48x12x1xf32>
  %angles = mega.buffer shared : memref<256x12xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %positions = mega.input positions : memref<?xi32>
  %logits_rows = mega.input logits_rows : memref<?xi32>
  %routes = mega.input routes : memref<?xi32>
  %rope = mega.weight @rope : tensor<6xf32>
  %table = mega.weight @table : tensor<101x50xf32, #packed>
  mega.phase "rope" tiles [tokens] {
    mega.rope %rope at %positions into %angles magnitude 1.25 : tensor<6xf32>, memref<?xi32>, memref<256x12xf32>
  }
  mega.phase "embed" tiles [tokens] {
    mega.embed %table at %tokens into %x : tensor<101x50xf32, #packed>, memref<?xi32>, memref<256x64xf32>
  }
  mega.barrier
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    %norm = mega.weight @norm[%layer] : tensor<50xf32>
    %qkv = mega.weight @qkv[%layer] : tensor<6x12x50xf32, #packed>
    %o = mega.weight @o[%layer] : tensor<50x48xf32, #packed>
    %router = mega.weight @router[%layer] : tensor<3x50xf32>
    %scale = mega.weight @scale[%layer] : tensor<1x50xf32>
    %gate_up = mega.weight @gate_up[%layer] : tensor<3x72x50xf32, #halves>
    %shared_gate_up = mega.weight @shared_gate_up[%layer] : tensor<72x50xf32, #halves>
    %down = mega.weight @down[%layer] : tensor<3x50x36xf32, #packed>
    %shared_down = mega.weight @shared_down[%layer] : tensor<50x36xf32, #packed>
    mega.phase "qkv" tiles [6, block_groups] {
      mega.qkv %normed, %qkv rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 group 16 : memref<22x64x12x1xf32>, tensor<6x12x50xf32, #packed>, memref<256x12xf32>, memref<?xi32>, memref<264x4x16xf32>, memref<2x1x?x32xf32>, memref<12x16xf32>
    }
    mega.barrier
    mega.phase "attention" tiles [1, query_blocks] {
      mega.attention %query, %cache at %positions into %attended by %scores, %sums layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 256 scale 0.25 window 32 : memref<264x4x16xf32>, memref<2x1x?x32xf32>, memref<?xi32>, memref<22x48x12x1xf32>, memref<12x272xf32>, memref<48x32xf32>
    }
    mega.barrier
    mega.phase "route" tiles [blocks] {
      mega.route %x norm %norm into %rows, %experts, %weights by %candidates eps 1.0e-6 routing #fpmoe.fixed<expert = 2> experts 3 : memref<256x64xf32>, tensor<50xf32>, memref<256x64x1x1xf32>, memref<256x1xi32>, memref<256x2xf32>, memref<6xf32>
    }
    mega.barrier
    mega.phase "record_routes" tiles [tokens] {
      mega.record_routes into %routes layer %layer columns 2 max_tokens 256 : memref<?xi32>
    }
    mega.phase "group" {
      mega.group %experts, %weights into %groups experts 3 shared true : memref<256x1xi32>, memref<256x2xf32>, memref<1155xi32>
    }
    mega.phase "gather" tiles [expert_blocks] {
      mega.gather %rows by %groups into %packed : memref<256x64x1x1xf32>, memref<1155xi32>, memref<46x64x12x1xf32>
    }
    mega.barrier
    mega.phase "expert_up" tiles [12] {
      mega.expert_up %packed experts %gate_up : tensor<3x72x50xf32, #halves> groups %groups : memref<1155xi32> into %act pairs 1 : memref<46x64x12x1xf32>, memref<46x48x12x1xf32>
    }
    mega.barrier
    mega.phase "expert_down" tiles [2] {
      mega.expert_down %act shared %shared_down : tensor<50x36xf32, #packed> groups %groups : memref<1155xi32> into %x vectors 2 depth 48 : memref<46x48x12x1xf32>, memref<256x64xf32>
    }
    mega.barrier
    mega.phase "final_norm" tiles [logits_blocks] {
      mega.norm %x, %norm of %logits_rows : memref<?xi32> into %normed eps 1.0e-6 : memref<256x64xf32>, tensor<50xf32>, memref<22x64x12x1xf32>
    }
    mega.barrier
  }
}

// Experts that choose segments.
// CHECK-LABEL: mega.program @segments max_tokens 24
// CHECK: mega.phase "segment_scores" tiles [3] {
// CHECK: mega.segment_scores %{{.*}} norm %{{.*}} router %{{.*}} of %{{.*}} into %{{.*}} by %{{.*}} eps 9.9{{.*}}E-7 routing <token_experts = 2, shared = 1, top_k = 1, {{.*}}> : memref<24x64xf32>, tensor<50xf32>, tensor<3x50xf32>, memref<?xi32>, memref<3x1xf32>, memref<64xf32>
// CHECK: mega.phase "segment_choose" tiles [1] {
// CHECK: mega.segment_choose %{{.*}} of %{{.*}} into %{{.*}}, %{{.*}} by %{{.*}} routing <token_experts = 2, shared = 1, top_k = 1, {{.*}}> : memref<3x1xf32>, memref<?xi32>, memref<24x3xi32>, memref<24x4xf32>, memref<6xi32>
mega.program @segments max_tokens 24 rows 12 context 256 {
  %x = mega.buffer shared : memref<24x64xf32>
  %experts = mega.buffer shared : memref<24x3xi32>
  %weights = mega.buffer shared : memref<24x4xf32>
  %scores = mega.buffer shared : memref<3x1xf32>
  %pooled = mega.buffer private : memref<64xf32>
  %taken = mega.buffer private : memref<6xi32>
  %segments = mega.input segments : memref<?xi32>
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    %norm = mega.weight @norm[%layer] : tensor<50xf32>
    %router = mega.weight @router[%layer] : tensor<3x50xf32>
    mega.phase "segment_scores" tiles [3] {
      mega.segment_scores %x norm %norm router %router of %segments into %scores by %pooled eps 1.0e-6 routing <token_experts = 2, shared = 1, top_k = 1, token_share = 0.5, whole = <segment = 8, max_experts = 1, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.5> : memref<24x64xf32>, tensor<50xf32>, tensor<3x50xf32>, memref<?xi32>, memref<3x1xf32>, memref<64xf32>
    }
    mega.barrier
    mega.phase "segment_choose" tiles [1] {
      mega.segment_choose %scores of %segments into %experts, %weights by %taken routing <token_experts = 2, shared = 1, top_k = 1, token_share = 0.5, whole = <segment = 8, max_experts = 1, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.5> : memref<3x1xf32>, memref<?xi32>, memref<24x3xi32>, memref<24x4xf32>, memref<6xi32>
    }
    mega.barrier
  }
}

// Heads that are finished behind their products: norms of whole rows, and with a tail.
// CHECK-LABEL: mega.program @heads
// CHECK: mega.heads %{{.*}}, %{{.*}}, %{{.*}} norms %{{.*}} : tensor<48xf32>, %{{.*}} : tensor<12xf32> eps 9.9{{.*}}E-7 clip 8.0{{.*}} rope %{{.*}} at %{{.*}} into %{{.*}}, %{{.*}} by %{{.*}} layer %{{.*}} heads 4 kv_heads 1 head_dim 12 value_dim 12
// CHECK: mega.heads %{{.*}}, %{{.*}}, %{{.*}} tail %{{.*}} : memref<24x16xf32> rope
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
  %angles = mega.buffer shared : memref<24x12xf32>
  %angles4 = mega.buffer shared : memref<24x4xf32>
  %positions = mega.input positions : memref<?xi32>
  %q_norm = mega.weight @q_norm : tensor<48xf32>
  %k_norm = mega.weight @k_norm : tensor<12xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "heads" tiles [tokens] {
      mega.heads %q, %k, %v norms %q_norm : tensor<48xf32>, %k_norm : tensor<12xf32> eps 1.0e-6 clip 8.0 rope %angles at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 : memref<24x48xf32>, memref<24x16xf32>, memref<24x16xf32>, memref<24x12xf32>, memref<?xi32>, memref<24x4x16xf32>, memref<1x1x?x32xf32>, memref<1x16xf32>
    }
    mega.barrier
    mega.phase "latent" tiles [tokens] {
      mega.heads %q, %k, %v tail %tail : memref<24x16xf32> rope %angles4 at %positions into %query, %cache by %head layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 : memref<24x48xf32>, memref<24x16xf32>, memref<24x16xf32>, memref<24x4xf32>, memref<?xi32>, memref<24x4x16xf32>, memref<1x1x?x32xf32>, memref<1x16xf32>
    }
  }
}

// Adapters for each language.
// CHECK-LABEL: mega.program @languages max_tokens 24
// CHECK: mega.phase "low_rank" tiles [blocks] {
// CHECK: mega.low_rank %{{.*}}, %{{.*}} of %{{.*}} ranks [2, 4, 0, 8] : memref<2x80x12x1xf32>, tensor<14x50xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>
fpmoe.weight @low_rank : tensor<14x50xf32, #packed> {
  %0 = fpmoe.load "low_rank" : tensor<14x50xf32>
  %1 = fpmoe.pack %0 : tensor<14x50xf32> -> tensor<14x50xf32, #packed>
  fpmoe.yield %1 : tensor<14x50xf32, #packed>
}
mega.program @languages max_tokens 24 rows 12 context 256 {
  %operand = mega.buffer shared : memref<2x80x12x1xf32>
  %languages = mega.input languages : memref<?xi32>
  %low_rank = mega.weight @low_rank : tensor<14x50xf32, #packed>
  mega.phase "low_rank" tiles [blocks] {
    mega.low_rank %operand, %low_rank of %languages ranks [2, 4, 0, 8] : memref<2x80x12x1xf32>, tensor<14x50xf32, #packed>, memref<?xi32>
  }
}

// Of shards, each is widened on its own, and rounded to integers on its own.
// CHECK-LABEL: mega.program @widened_shards max_tokens 24
// CHECK: mega.low_rank %{{.*}}, %{{.*}} of %{{.*}} into %{{.*}} : memref<2x128x12x1xf32> ranks [2, 4, 0, 8] : memref<2x96x12x1xf32>, tensor<2x14x48xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>
// CHECK: mega.quantize %{{.*}} into %{{.*}} columns 32 tail 14 shards 2 : memref<2x96x12x1xf32>, memref<2x4x12x40xi8>
fpmoe.weight @low_ranks : tensor<2x14x48xf32, #packed> {
  %0 = fpmoe.load "low_ranks" : tensor<2x14x48xf32>
  %1 = fpmoe.pack %0 : tensor<2x14x48xf32> -> tensor<2x14x48xf32, #packed>
  fpmoe.yield %1 : tensor<2x14x48xf32, #packed>
}
mega.program @widened_shards max_tokens 24 rows 12 context 256 {
  %operand = mega.buffer shared : memref<2x96x12x1xf32>
  %widened = mega.buffer shared : memref<2x128x12x1xf32>
  %integers = mega.buffer shared : memref<2x4x12x40xi8>
  %languages = mega.input languages : memref<?xi32>
  %low_ranks = mega.weight @low_ranks : tensor<2x14x48xf32, #packed>
  mega.phase "low_rank" tiles [blocks] {
    mega.low_rank %operand, %low_ranks of %languages into %widened : memref<2x128x12x1xf32> ranks [2, 4, 0, 8] : memref<2x96x12x1xf32>, tensor<2x14x48xf32, #packed>, memref<?xi32>
  }
  mega.barrier
  mega.phase "quantize" tiles [blocks] {
    mega.quantize %operand into %integers columns 32 tail 14 shards 2 : memref<2x96x12x1xf32>, memref<2x4x12x40xi8>
  }
}

// Norms of rows of heads that two ranks have.
// CHECK-LABEL: mega.program @squares max_tokens 1
// CHECK: mega.squares %{{.*}}, %{{.*}} into %{{.*}} shards 2 : memref<1x64xf32>, memref<1x32xf32>, memref<1x16xf32>
// CHECK-LABEL: mega.program @row_norms max_tokens 24
// CHECK: mega.heads {{.*}} norms %{{.*}} : tensor<64xf32>, %{{.*}} : tensor<32xf32> squares %{{.*}} : memref<24x16xf32> ranks 2 eps
fpmoe.weight @row_norm : tensor<64xf32> {
  %0 = fpmoe.load "row_norm" : tensor<64xf32>
  fpmoe.yield %0 : tensor<64xf32>
}
fpmoe.weight @key_norm : tensor<32xf32> {
  %0 = fpmoe.load "key_norm" : tensor<32xf32>
  fpmoe.yield %0 : tensor<32xf32>
}
mega.program @squares max_tokens 1 rows 1 context 64 {
  %q = mega.buffer shared : memref<1x64xf32>
  %k = mega.buffer shared : memref<1x32xf32>
  %sums = mega.buffer shared : memref<1x16xf32>
  mega.phase "squares" tiles [1] {
    mega.squares %q, %k into %sums shards 2 : memref<1x64xf32>, memref<1x32xf32>, memref<1x16xf32>
  }
}
mega.program @row_norms max_tokens 24 rows 12 context 64 {
  %q = mega.buffer shared : memref<24x64xf32>
  %k = mega.buffer shared : memref<24x32xf32>
  %squares = mega.buffer shared : memref<24x16xf32>
  %angles = mega.buffer shared : memref<24x32xf32>
  %query = mega.buffer shared : memref<24x2x32xf32>
  %cache = mega.buffer cache : memref<1x1x?x64xf32>
  %head = mega.buffer private : memref<1x32xf32>
  %positions = mega.input positions : memref<?xi32>
  %row_norm = mega.weight @row_norm : tensor<64xf32>
  %key_norm = mega.weight @key_norm : tensor<32xf32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "squares" tiles [tokens] {
      mega.squares %q, %k into %squares shards 2 : memref<24x64xf32>, memref<24x32xf32>, memref<24x16xf32>
    }
    mega.barrier
    mega.phase "exchange" tiles [1] {
      mega.exchange %squares : memref<24x16xf32>
    }
    mega.barrier
    mega.phase "heads" tiles [tokens] {
      mega.heads %q, %k, %k norms %row_norm : tensor<64xf32>, %key_norm : tensor<32xf32> squares %squares : memref<24x16xf32> ranks 2 eps 1.0e-6 rope %angles at %positions into %query, %cache by %head layer %layer heads 2 kv_heads 1 head_dim 32 value_dim 32 : memref<24x64xf32>, memref<24x32xf32>, memref<24x32xf32>, memref<24x32xf32>, memref<?xi32>, memref<24x2x32xf32>, memref<1x1x?x64xf32>, memref<1x32xf32>
    }
  }
}

// The inputs of the layers in the place of the logits.
// CHECK-LABEL: mega.program @inputs max_tokens 24
// CHECK: mega.phase "keep_rows" tiles [tokens] {
// CHECK: mega.keep_rows %{{.*}} of %{{.*}} into %{{.*}} layer %{{.*}} columns 50 : memref<24x64xf32>, memref<?xi32>, memref<?x100xf32>
mega.program @inputs max_tokens 24 rows 12 context 256 {
  %x = mega.buffer shared : memref<24x64xf32>
  %kept = mega.buffer logits : memref<?x100xf32>
  %logits_rows = mega.input logits_rows : memref<?xi32>
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    mega.phase "keep_rows" tiles [tokens] {
      mega.keep_rows %x of %logits_rows into %kept layer %layer columns 50 : memref<24x64xf32>, memref<?xi32>, memref<?x100xf32>
    }
  }
}

// Shards, and the sums of those of all ranks.
// CHECK-LABEL: mega.program @shards
// CHECK: mega.embed %{{.*}} part at %{{.*}} into %{{.*}} : tensor<64x32xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<24x32xf32>
// CHECK: mega.exchange %{{.*}} : memref<24x32xf32>
// CHECK: mega.linear %{{.*}}, %{{.*}} into %{{.*}} vectors 1 group 16 : memref<2x64x12x1xf32>, tensor<4x20x16xf32, #mega.packed<n = 16, k = 1>>, memref<4x24x32xf32>
// CHECK: mega.reduce %{{.*}} into %{{.*}} : memref<4x24x32xf32>, memref<1x24x32xf32>
// CHECK: mega.exchange %{{.*}} : memref<1x24x32xf32>
// CHECK: mega.reduce %{{.*}} bias %{{.*}} : tensor<20xf32> into %{{.*}} accumulate times 5.0{{.*}} : memref<1x24x32xf32>, memref<24x32xf32>
// CHECK: mega.expert_down %{{.*}} shared %{{.*}} : tensor<4x20x16xf32, #mega.packed<n = 16, k = 1>> groups %{{.*}} : memref<52xi32> into %{{.*}} vectors 1 depth 16 : memref<2x64x12x1xf32>, memref<4x24x32xf32>
fpmoe.weight @shards_table : tensor<64x32xf32, #packed> {
  %0 = fpmoe.load "table" : tensor<64x32xf32>
  %1 = fpmoe.pack %0 : tensor<64x32xf32> -> tensor<64x32xf32, #packed>
  fpmoe.yield %1 : tensor<64x32xf32, #packed>
}
fpmoe.weight @shards_o : tensor<4x20x16xf32, #packed> {
  %0 = fpmoe.load "o" : tensor<4x20x16xf32>
  %1 = fpmoe.pack %0 : tensor<4x20x16xf32> -> tensor<4x20x16xf32, #packed>
  fpmoe.yield %1 : tensor<4x20x16xf32, #packed>
}
fpmoe.weight @shards_bias : tensor<20xf32> {
  %0 = fpmoe.load "bias" : tensor<20xf32>
  fpmoe.yield %0 : tensor<20xf32>
}
mega.program @shards max_tokens 24 rows 12 context 64 {
  %x = mega.buffer shared : memref<24x32xf32>
  %operand = mega.buffer shared : memref<2x64x12x1xf32>
  %groups = mega.buffer private : memref<52xi32>
  %sums = mega.buffer shared : memref<4x24x32xf32>
  %total = mega.buffer shared : memref<1x24x32xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %table = mega.weight @shards_table : tensor<64x32xf32, #packed>
  %o = mega.weight @shards_o : tensor<4x20x16xf32, #packed>
  %bias = mega.weight @shards_bias : tensor<20xf32>
  mega.phase "embed" tiles [tokens] {
    mega.embed %table part at %tokens into %x : tensor<64x32xf32, #packed>, memref<?xi32>, memref<24x32xf32>
  }
  mega.phase "exchange_x" tiles [1] {
    mega.exchange %x : memref<24x32xf32>
  }
  mega.phase "output" tiles [8, block_groups] {
    mega.linear %operand, %o into %sums vectors 1 group 16 : memref<2x64x12x1xf32>, tensor<4x20x16xf32, #packed>, memref<4x24x32xf32>
  }
  mega.phase "reduce" tiles [tokens] {
    mega.reduce %sums into %total : memref<4x24x32xf32>, memref<1x24x32xf32>
  }
  mega.phase "exchange" tiles [1] {
    mega.exchange %total : memref<1x24x32xf32>
  }
  mega.phase "add" tiles [tokens] {
    mega.reduce %total bias %bias : tensor<20xf32> into %x accumulate times 5.0e-1 : memref<1x24x32xf32>, memref<24x32xf32>
  }
  mega.phase "down" tiles [8] {
    mega.expert_down %operand shared %o : tensor<4x20x16xf32, #packed> groups %groups : memref<52xi32> into %sums vectors 1 depth 16 : memref<2x64x12x1xf32>, memref<4x24x32xf32>
  }
}

// What is left out, multiplied, or of another format: products of f16 and bf16, the
// latter of rows that lie together, panels of 64 columns, bias, factor and tail.
// CHECK-LABEL: mega.program @formats
// CHECK: mega.embed %{{.*}} at %{{.*}} into %{{.*}} times 1.2{{.*}} : tensor<128x50xf16, #mega.packed<n = 64, k = 1>>, memref<?xi32>, memref<32x64xf32>
// CHECK: mega.linear %{{.*}}, %{{.*}} bias %{{.*}} : tensor<20xf32> into %{{.*}} vectors 2 group 1 times 5.0{{.*}} : memref<1x40x32x2xbf16, strided<[2560, 2, 80, 1]>>, tensor<20x64xbf16, #mega.packed<n = 32, k = 2, tail = 14>>, memref<32x32xf32>
fpmoe.weight @narrow : tensor<128x50xf16, #mega.packed<n = 64, k = 1>> {
  %0 = fpmoe.load "narrow" : tensor<128x50xf16>
  %1 = fpmoe.pack %0 : tensor<128x50xf16> -> tensor<128x50xf16, #mega.packed<n = 64, k = 1>>
  fpmoe.yield %1 : tensor<128x50xf16, #mega.packed<n = 64, k = 1>>
}
fpmoe.weight @adapted : tensor<20x64xbf16, #mega.packed<n = 32, k = 2, tail = 14>> {
  %0 = fpmoe.load "adapted" : tensor<20x64xbf16>
  %1 = fpmoe.pack %0 : tensor<20x64xbf16> -> tensor<20x64xbf16, #mega.packed<n = 32, k = 2, tail = 14>>
  fpmoe.yield %1 : tensor<20x64xbf16, #mega.packed<n = 32, k = 2, tail = 14>>
}
fpmoe.weight @adapted_bias : tensor<20xf32> {
  %0 = fpmoe.load "bias" : tensor<20xf32>
  fpmoe.yield %0 : tensor<20xf32>
}
mega.program @formats max_tokens 32 rows 32 context 64 {
  %x = mega.buffer shared : memref<32x64xf32>
  %y = mega.buffer shared : memref<32x32xf32>
  %operand = mega.buffer shared : memref<1x40x32x2xbf16, strided<[2560, 2, 80, 1]>>
  %tokens = mega.input tokens : memref<?xi32>
  %narrow = mega.weight @narrow : tensor<128x50xf16, #mega.packed<n = 64, k = 1>>
  %adapted = mega.weight @adapted : tensor<20x64xbf16, #mega.packed<n = 32, k = 2, tail = 14>>
  %bias = mega.weight @adapted_bias : tensor<20xf32>
  mega.phase "embed" tiles [tokens] {
    mega.embed %narrow at %tokens into %x times 1.2 : tensor<128x50xf16, #mega.packed<n = 64, k = 1>>, memref<?xi32>, memref<32x64xf32>
  }
  mega.phase "product" tiles [1, block_groups] {
    mega.linear %operand, %adapted bias %bias : tensor<20xf32> into %y vectors 2 group 1 times 5.0 : memref<1x40x32x2xbf16, strided<[2560, 2, 80, 1]>>, tensor<20x64xbf16, #mega.packed<n = 32, k = 2, tail = 14>>, memref<32x32xf32>
  }
}

// As the documentation shows them, which examples.test compares.
fpmoe.weight @example_table : tensor<64x32xf32, #packed> {
  %0 = fpmoe.load "table" : tensor<64x32xf32>
  %1 = fpmoe.pack %0 : tensor<64x32xf32> -> tensor<64x32xf32, #packed>
  fpmoe.yield %1 : tensor<64x32xf32, #packed>
}
fpmoe.weight @example_norm : tensor<32xf32> {
  %0 = fpmoe.load "norm" : tensor<32xf32>
  fpmoe.yield %0 : tensor<32xf32>
}
fpmoe.weight @example_frequencies : tensor<16xf32> {
  %0 = fpmoe.rope_frequencies theta 1.0e4 : tensor<16xf32>
  fpmoe.yield %0 : tensor<16xf32>
}
fpmoe.weight @example_a : tensor<6x32xf32, #packed> {
  %0 = fpmoe.load "a" : tensor<6x32xf32>
  %1 = fpmoe.pack %0 : tensor<6x32xf32> -> tensor<6x32xf32, #packed>
  fpmoe.yield %1 : tensor<6x32xf32, #packed>
}
fpmoe.weight @example_w : tensor<32x32xf32, #packed> {
  %0 = fpmoe.load "w" : tensor<32x32xf32>
  %1 = fpmoe.pack %0 : tensor<32x32xf32> -> tensor<32x32xf32, #packed>
  fpmoe.yield %1 : tensor<32x32xf32, #packed>
}
// CHECK-LABEL: mega.program @examples
mega.program @examples max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x32xf32>
  %operand = mega.buffer shared : memref<1x32x1x1xf32>
  %chosen = mega.buffer shared : memref<1x1xi32>
  %angles = mega.buffer shared : memref<1x32xf32>
  %out = mega.buffer logits : memref<?x64xf32>
  %tokens = mega.input tokens : memref<?xi32>
  %positions = mega.input positions : memref<?xi32>
  %logits_rows = mega.input logits_rows : memref<?xi32>
  %routes = mega.input routes : memref<?xi32>
  %table = mega.weight @example_table : tensor<64x32xf32, #packed>
  %f = mega.weight @example_frequencies : tensor<16xf32>
  %w = mega.weight @example_norm : tensor<32xf32>
  mega.phase "embed" tiles [tokens] {
    mega.embed %table at %tokens into %x : tensor<64x32xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>, memref<1x32xf32>
  }
  mega.phase "rope" tiles [tokens] {
    mega.rope %f at %positions into %angles magnitude 1.0 : tensor<16xf32>, memref<?xi32>, memref<1x32xf32>
  }
  mega.phase "norm" tiles [blocks] {
    mega.norm %x, %w into %operand eps 1.0e-6 : memref<1x32xf32>, tensor<32xf32>, memref<1x32x1x1xf32>
  }
  mega.layers order [0, 0] {
  ^bb0(%layer: index):
    mega.phase "keep_rows" tiles [tokens] {
      mega.keep_rows %x of %logits_rows into %out layer %layer columns 32 : memref<1x32xf32>, memref<?xi32>, memref<?x64xf32>
    }
    mega.phase "record_routes" tiles [tokens] {
      mega.record_routes of %chosen : memref<1x1xi32> into %routes layer %layer columns 1 max_tokens 512 : memref<?xi32>
    }
  }
}
mega.program @reduce_example max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x32xf32>
  %sums = mega.buffer shared : memref<4x1x32xf32>
  mega.phase "reduce" tiles [1] {
    mega.reduce %sums into %x accumulate : memref<4x1x32xf32>, memref<1x32xf32>
  }
  mega.phase "exchange" tiles [1] {
    mega.exchange %x : memref<1x32xf32>
  }
}
mega.program @low_rank_example max_tokens 1 rows 1 context 64 {
  %operand = mega.buffer shared : memref<1x48x1x1xf32>
  %languages = mega.input languages : memref<?xi32>
  %a = mega.weight @example_a : tensor<6x32xf32, #packed>
  mega.phase "low_rank" tiles [blocks] {
    mega.low_rank %operand, %a of %languages ranks [2, 4] : memref<1x48x1x1xf32>, tensor<6x32xf32, #mega.packed<n = 16, k = 1>>, memref<?xi32>
  }
}
// CHECK-LABEL: mega.program @quantize_example
// CHECK: mega.quantize %{{.*}} into %{{.*}} columns 40 tail 0 : memref<1x48x1x1xf32>, memref<1x2x1x40xi8>
mega.program @quantize_example max_tokens 1 rows 1 context 64 {
  %rows = mega.buffer shared : memref<1x48x1x1xf32>
  %operand = mega.buffer shared : memref<1x2x1x40xi8>
  mega.phase "quantize" tiles [blocks] {
    mega.quantize %rows into %operand columns 40 tail 0 : memref<1x48x1x1xf32>, memref<1x2x1x40xi8>
  }
}
mega.program @linear_example max_tokens 1 rows 1 context 64 {
  %x = mega.buffer shared : memref<1x32xf32>
  %operand = mega.buffer shared : memref<1x32x1x1xf32>
  %w = mega.weight @example_w : tensor<32x32xf32, #packed>
  mega.phase "product" tiles [1, 1] {
    mega.linear %operand, %w into %x vectors 2 group 16 accumulate : memref<1x32x1x1xf32>, tensor<32x32xf32, #mega.packed<n = 16, k = 1>>, memref<1x32xf32>
  }
}

// Workers of many threads need no scratch to attend.
// CHECK-LABEL: mega.program @threads
// CHECK: mega.attention %{{.*}}, %{{.*}} at %{{.*}} into %{{.*}} layer %{{.*}} heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 2.5{{0*}}e-01 : memref<1x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x48x1x1xf32>
// CHECK-NEXT: }
// CHECK: mega.attend_span %{{.*}}, %{{.*}} at %{{.*}} into %{{.*}} layer %{{.*}} heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 2.5{{0*}}e-01 : memref<1x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x1x4x32xf32>
// CHECK-NEXT: }
mega.program @threads max_tokens 1 rows 1 context 64 {
  %query = mega.buffer shared : memref<1x4x16xf32>
  %cache = mega.buffer cache : memref<1x1x?x32xf32>
  %attended = mega.buffer shared : memref<1x48x1x1xf32>
  %partial = mega.buffer shared : memref<1x1x4x32xf32>
  %positions = mega.input positions : memref<?xi32>
  mega.layers order [0] {
  ^bb0(%layer: index):
    mega.phase "many" tiles [1, query_blocks] {
      mega.attention %query, %cache at %positions into %attended layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<1x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x48x1x1xf32>
    }
    mega.barrier
    mega.phase "one" tiles [1, spans] {
      mega.attend_span %query, %cache at %positions into %partial layer %layer heads 4 kv_heads 1 head_dim 12 value_dim 12 span 64 scale 0.25 : memref<1x4x16xf32>, memref<1x1x?x32xf32>, memref<?xi32>, memref<1x1x4x32xf32>
    }
  }
}
