// RUN: fpmoe-opt %s --fpmoe-fuse-moe | fpmoe-opt | FileCheck %s

fpmoe.weight @g : tensor<8xf32> {
  %0 = fpmoe.load "g" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
// CHECK: fpmoe.weight @body.shared_gate_up layers [0, 1] : tensor<12x8xf32> {
// CHECK-NEXT: ^bb0(%[[L:.*]]: index):
// CHECK-NEXT: %[[G:.*]] = fpmoe.load "gate.{}"[%[[L]]] : tensor<6x8xf32>
// CHECK-NEXT: %[[U:.*]] = fpmoe.load "up.{}"[%[[L]]] : tensor<6x8xf32>
// CHECK-NEXT: %[[GU:.*]] = fpmoe.append_rows %[[G]], %[[U]] : tensor<6x8xf32> -> tensor<12x8xf32>
// CHECK-NEXT: fpmoe.yield %[[GU]]
fpmoe.weight @gate layers [0, 1] : tensor<6x8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "gate.{}"[%layer] : tensor<6x8xf32>
  fpmoe.yield %0 : tensor<6x8xf32>
}
fpmoe.weight @up layers [0, 1] : tensor<6x8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "up.{}"[%layer] : tensor<6x8xf32>
  fpmoe.yield %0 : tensor<6x8xf32>
}
fpmoe.weight @down layers [0, 1] : tensor<8x6xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "down.{}"[%layer] : tensor<8x6xf32>
  fpmoe.yield %0 : tensor<8x6xf32>
}
fpmoe.weight @scale layers [0, 1] : tensor<1x8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "scale.{}"[%layer] : tensor<1x8xf32>
  fpmoe.yield %0 : tensor<1x8xf32>
}
fpmoe.weight @router layers [0, 1] : tensor<3x8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "router.{}"[%layer] : tensor<3x8xf32>
  fpmoe.yield %0 : tensor<3x8xf32>
}
// CHECK: fpmoe.weight @sparse.gate_up layers [0, 1] : tensor<3x40x8xf32> {
// CHECK: fpmoe.append_rows %{{.*}}, %{{.*}} : tensor<3x20x8xf32> -> tensor<3x40x8xf32>
fpmoe.weight @egate layers [0, 1] : tensor<3x20x8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "egate.{}"[%layer] : tensor<3x20x8xf32>
  fpmoe.yield %0 : tensor<3x20x8xf32>
}
fpmoe.weight @eup layers [0, 1] : tensor<3x20x8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "eup.{}"[%layer] : tensor<3x20x8xf32>
  fpmoe.yield %0 : tensor<3x20x8xf32>
}
fpmoe.weight @edown layers [0, 1] : tensor<3x8x20xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "edown.{}"[%layer] : tensor<3x8x20xf32>
  fpmoe.yield %0 : tensor<3x8x20xf32>
}

// CHECK-LABEL: func.func @body(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[L:.*]]: index)
// CHECK-DAG: %[[G:.*]] = fpmoe.get @g
// CHECK-DAG: %[[D:.*]] = fpmoe.get @down[%[[L]]]
// CHECK-DAG: %[[GU:.*]] = fpmoe.get @body.shared_gate_up[%[[L]]] : tensor<12x8xf32>
// CHECK-NOT: fpmoe.get
// CHECK: %[[Y:.*]] = fpmoe.moe %[[X]] norm %[[G]] : tensor<8xf32> eps 9.9{{.*}}E-7 shared %[[GU]] : tensor<12x8xf32>, %[[D]] : tensor<8x6xf32> -> tensor<?x8xf32>
// CHECK-NEXT: return %[[Y]]
func.func @body(%x: tensor<?x8xf32>, %layer: index) -> tensor<?x8xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %gate = fpmoe.get @gate[%layer] : tensor<6x8xf32>
  %up = fpmoe.get @up[%layer] : tensor<6x8xf32>
  %down = fpmoe.get @down[%layer] : tensor<8x6xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %m = fpmoe.mlp %n, %gate, %up, %down : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
  %y = fpmoe.add %x, %m : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// The network's result has another user.
// CHECK-LABEL: func.func @output_used(
// CHECK-NOT: fpmoe.moe
func.func @output_used(%x: tensor<?x8xf32>, %layer: index) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %g = fpmoe.get @g : tensor<8xf32>
  %gate = fpmoe.get @gate[%layer] : tensor<6x8xf32>
  %up = fpmoe.get @up[%layer] : tensor<6x8xf32>
  %down = fpmoe.get @down[%layer] : tensor<8x6xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %m = fpmoe.mlp %n, %gate, %up, %down : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
  %y = fpmoe.add %x, %m : tensor<?x8xf32>
  return %y, %m : tensor<?x8xf32>, tensor<?x8xf32>
}

// The norm has another user.
// CHECK-LABEL: func.func @norm_used(
// CHECK-NOT: fpmoe.moe
func.func @norm_used(%x: tensor<?x8xf32>, %layer: index) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %g = fpmoe.get @g : tensor<8xf32>
  %gate = fpmoe.get @gate[%layer] : tensor<6x8xf32>
  %up = fpmoe.get @up[%layer] : tensor<6x8xf32>
  %down = fpmoe.get @down[%layer] : tensor<8x6xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %m = fpmoe.mlp %n, %gate, %up, %down : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
  %y = fpmoe.add %x, %m : tensor<?x8xf32>
  return %y, %n : tensor<?x8xf32>, tensor<?x8xf32>
}

// The residual is not what was normalised.
// CHECK-LABEL: func.func @other_residual(
// CHECK-NOT: fpmoe.moe
func.func @other_residual(%x: tensor<?x8xf32>, %layer: index, %z: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %gate = fpmoe.get @gate[%layer] : tensor<6x8xf32>
  %up = fpmoe.get @up[%layer] : tensor<6x8xf32>
  %down = fpmoe.get @down[%layer] : tensor<8x6xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %m = fpmoe.mlp %n, %gate, %up, %down : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
  %y = fpmoe.add %z, %m : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @sparse(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[L:.*]]: index)
// CHECK-DAG: %[[G:.*]] = fpmoe.get @g
// CHECK-DAG: %[[R:.*]] = fpmoe.get @router[
// CHECK-DAG: %[[GU:.*]] = fpmoe.get @sparse.gate_up[%[[L]]]
// CHECK-DAG: %[[D:.*]] = fpmoe.get @edown[
// CHECK-DAG: %[[SGU:.*]] = fpmoe.get @sparse.shared_gate_up[
// CHECK-DAG: %[[SD:.*]] = fpmoe.get @down[
// CHECK-DAG: %[[S:.*]] = fpmoe.get @scale[
// CHECK-NOT: fpmoe.get
// CHECK: %[[Y:.*]] = fpmoe.moe %[[X]] norm %[[G]] : tensor<8xf32> eps 9.9{{.*}}E-7 router %[[R]] : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 2, renormalize = true> experts %[[GU]] : tensor<3x40x8xf32>, %[[D]] : tensor<3x8x20xf32> names ["a", "b", "c"] shared %[[SGU]] : tensor<12x8xf32>, %[[SD]] : tensor<8x6xf32> scaled %[[S]] : tensor<1x8xf32> -> tensor<?x8xf32>
// CHECK-NEXT: return %[[Y]]
func.func @sparse(%x: tensor<?x8xf32>, %layer: index) -> tensor<?x8xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %router = fpmoe.get @router[%layer] : tensor<3x8xf32>
  %egate = fpmoe.get @egate[%layer] : tensor<3x20x8xf32>
  %eup = fpmoe.get @eup[%layer] : tensor<3x20x8xf32>
  %edown = fpmoe.get @edown[%layer] : tensor<3x8x20xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %w, %e = fpmoe.route %n : tensor<?x8xf32> router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 2, renormalize = true> -> tensor<?x2xf32>, tensor<?x2xi32>
  %routed = fpmoe.experts %n, %w, %e, %egate, %eup, %edown names ["a", "b", "c"] : tensor<?x8xf32>, tensor<?x2xf32>, tensor<3x20x8xf32>, tensor<3x8x20xf32>
  %gate = fpmoe.get @gate[%layer] : tensor<6x8xf32>
  %up = fpmoe.get @up[%layer] : tensor<6x8xf32>
  %down = fpmoe.get @down[%layer] : tensor<8x6xf32>
  %scale = fpmoe.get @scale[%layer] : tensor<1x8xf32>
  %shared = fpmoe.mlp %n, %gate, %up, %down scaled %scale : tensor<1x8xf32> : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
  %s = fpmoe.add %routed, %shared : tensor<?x8xf32>
  %y = fpmoe.add %x, %s : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// The order of the operands of a sum does not matter.
// CHECK-LABEL: func.func @swapped(
// CHECK: fpmoe.moe %{{.*}} experts %{{.*}} shared %{{.*}} scaled
func.func @swapped(%x: tensor<?x8xf32>, %layer: index) -> tensor<?x8xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %router = fpmoe.get @router[%layer] : tensor<3x8xf32>
  %egate = fpmoe.get @egate[%layer] : tensor<3x20x8xf32>
  %eup = fpmoe.get @eup[%layer] : tensor<3x20x8xf32>
  %edown = fpmoe.get @edown[%layer] : tensor<3x8x20xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %w, %e = fpmoe.route %n : tensor<?x8xf32> router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 2, renormalize = true> -> tensor<?x2xf32>, tensor<?x2xi32>
  %routed = fpmoe.experts %n, %w, %e, %egate, %eup, %edown names ["a", "b", "c"] : tensor<?x8xf32>, tensor<?x2xf32>, tensor<3x20x8xf32>, tensor<3x8x20xf32>
  %gate = fpmoe.get @gate[%layer] : tensor<6x8xf32>
  %up = fpmoe.get @up[%layer] : tensor<6x8xf32>
  %down = fpmoe.get @down[%layer] : tensor<8x6xf32>
  %scale = fpmoe.get @scale[%layer] : tensor<1x8xf32>
  %shared = fpmoe.mlp %n, %gate, %up, %down scaled %scale : tensor<1x8xf32> : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
  %s = fpmoe.add %shared, %routed : tensor<?x8xf32>
  %y = fpmoe.add %s, %x : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @routed_alone(
// CHECK: fpmoe.moe %{{.*}} names ["a", "b", "c"] -> tensor<?x8xf32>
func.func @routed_alone(%x: tensor<?x8xf32>, %layer: index) -> tensor<?x8xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %router = fpmoe.get @router[%layer] : tensor<3x8xf32>
  %egate = fpmoe.get @egate[%layer] : tensor<3x20x8xf32>
  %eup = fpmoe.get @eup[%layer] : tensor<3x20x8xf32>
  %edown = fpmoe.get @edown[%layer] : tensor<3x8x20xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %w, %e = fpmoe.route %n : tensor<?x8xf32> router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 2, renormalize = true> -> tensor<?x2xf32>, tensor<?x2xi32>
  %routed = fpmoe.experts %n, %w, %e, %egate, %eup, %edown names ["a", "b", "c"] : tensor<?x8xf32>, tensor<?x2xf32>, tensor<3x20x8xf32>, tensor<3x8x20xf32>
  %y = fpmoe.add %x, %routed : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// The routing has another user.
// CHECK-LABEL: func.func @weights_used(
// CHECK-NOT: fpmoe.moe
func.func @weights_used(%x: tensor<?x8xf32>, %layer: index) -> (tensor<?x8xf32>, tensor<?x2xf32>) {
  %g = fpmoe.get @g : tensor<8xf32>
  %router = fpmoe.get @router[%layer] : tensor<3x8xf32>
  %egate = fpmoe.get @egate[%layer] : tensor<3x20x8xf32>
  %eup = fpmoe.get @eup[%layer] : tensor<3x20x8xf32>
  %edown = fpmoe.get @edown[%layer] : tensor<3x8x20xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %w, %e = fpmoe.route %n : tensor<?x8xf32> router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 2, renormalize = true> -> tensor<?x2xf32>, tensor<?x2xi32>
  %routed = fpmoe.experts %n, %w, %e, %egate, %eup, %edown names ["a", "b", "c"] : tensor<?x8xf32>, tensor<?x2xf32>, tensor<3x20x8xf32>, tensor<3x8x20xf32>
  %gate = fpmoe.get @gate[%layer] : tensor<6x8xf32>
  %up = fpmoe.get @up[%layer] : tensor<6x8xf32>
  %down = fpmoe.get @down[%layer] : tensor<8x6xf32>
  %scale = fpmoe.get @scale[%layer] : tensor<1x8xf32>
  %shared = fpmoe.mlp %n, %gate, %up, %down scaled %scale : tensor<1x8xf32> : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
  %s = fpmoe.add %routed, %shared : tensor<?x8xf32>
  %y = fpmoe.add %x, %s : tensor<?x8xf32>
  return %y, %w : tensor<?x8xf32>, tensor<?x2xf32>
}

// The sum of the experts has another user.
// CHECK-LABEL: func.func @sum_used(
// CHECK-NOT: fpmoe.moe
func.func @sum_used(%x: tensor<?x8xf32>, %layer: index) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %g = fpmoe.get @g : tensor<8xf32>
  %router = fpmoe.get @router[%layer] : tensor<3x8xf32>
  %egate = fpmoe.get @egate[%layer] : tensor<3x20x8xf32>
  %eup = fpmoe.get @eup[%layer] : tensor<3x20x8xf32>
  %edown = fpmoe.get @edown[%layer] : tensor<3x8x20xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %w, %e = fpmoe.route %n : tensor<?x8xf32> router %router : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 2, renormalize = true> -> tensor<?x2xf32>, tensor<?x2xi32>
  %routed = fpmoe.experts %n, %w, %e, %egate, %eup, %edown names ["a", "b", "c"] : tensor<?x8xf32>, tensor<?x2xf32>, tensor<3x20x8xf32>, tensor<3x8x20xf32>
  %gate = fpmoe.get @gate[%layer] : tensor<6x8xf32>
  %up = fpmoe.get @up[%layer] : tensor<6x8xf32>
  %down = fpmoe.get @down[%layer] : tensor<8x6xf32>
  %scale = fpmoe.get @scale[%layer] : tensor<1x8xf32>
  %shared = fpmoe.mlp %n, %gate, %up, %down scaled %scale : tensor<1x8xf32> : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
  %s = fpmoe.add %routed, %shared : tensor<?x8xf32>
  %y = fpmoe.add %x, %s : tensor<?x8xf32>
  return %y, %s : tensor<?x8xf32>, tensor<?x8xf32>
}

// A multiplier of the block goes along.
// CHECK-LABEL: func.func @multiplied(
// CHECK: fpmoe.moe {{.*}} times 2.2{{.*}} -> tensor<?x8xf32>
func.func @multiplied(%x: tensor<?x8xf32>, %layer: index) -> tensor<?x8xf32> {
  %g = fpmoe.get @g : tensor<8xf32>
  %gate = fpmoe.get @gate[%layer] : tensor<6x8xf32>
  %up = fpmoe.get @up[%layer] : tensor<6x8xf32>
  %down = fpmoe.get @down[%layer] : tensor<8x6xf32>
  %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  %m = fpmoe.mlp %n, %gate, %up, %down : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
  %s = fpmoe.scale %m by 0.22 : tensor<?x8xf32>
  %y = fpmoe.add %x, %s : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
