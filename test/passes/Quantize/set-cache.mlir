// Keys and values are bf16 where some matrix has no more bits, or where that is asked for.
// RUN: split-file %s %t
// RUN: fpmoe-opt %t/narrow.mlir --fpmoe-set-cache | FileCheck %s --check-prefix=BF16
// RUN: fpmoe-opt %t/narrow.mlir --fpmoe-set-cache=cache=f32 | FileCheck %s --check-prefix=F32
// RUN: sed 's/8x8xbf16/8x8xf16/' %t/narrow.mlir | fpmoe-opt --fpmoe-set-cache | FileCheck %s --check-prefix=F32
// RUN: fpmoe-opt %t/wide.mlir --fpmoe-set-cache | FileCheck %s --check-prefix=F32
// RUN: fpmoe-opt %t/wide.mlir --fpmoe-set-cache=cache=bf16 | FileCheck %s --check-prefix=BF16
// RUN: fpmoe-opt %t/wide.mlir --fpmoe-set-cache=cache=bf16 | fpmoe-opt --fpmoe-set-cache | FileCheck %s --check-prefix=BF16
// RUN: fpmoe-opt %t/wide.mlir --fpmoe-set-cache=cache=bf16 | fpmoe-opt --fpmoe-set-cache=cache=f32 | FileCheck %s --check-prefix=F32
// RUN: not fpmoe-opt %t/wide.mlir --fpmoe-set-cache=cache=int8 2>&1 | FileCheck %s --check-prefix=ERROR

// BF16: fpmoe.attention {{.*}} scale 5.000000e-01 cache bf16 :
// F32: fpmoe.attention {{.*}} scale 5.000000e-01 :
// ERROR: cache is 'int8', it must be f32 or bf16

//--- narrow.mlir
func.func @f(%x: tensor<?x8xf32>, %w: tensor<8x8xbf16>, %k: tensor<?x4xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  %q = fpmoe.linear %x, %w : tensor<?x8xf32>, tensor<8x8xbf16> -> tensor<?x8xf32>
  %y = fpmoe.attention %q, %k, %k, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

//--- wide.mlir
func.func @f(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %k: tensor<?x4xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  %q = fpmoe.linear %x, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %y = fpmoe.attention %q, %k, %k, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
