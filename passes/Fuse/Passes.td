//===- Passes.td - the fuse phase --------------------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_FUSE_PASSES_TD
#define FPMOE_PASSES_FUSE_PASSES_TD

include "mlir/Pass/PassBase.td"

def FuseNorm : Pass<"fpmoe-fuse-norm", "::mlir::ModuleOp"> {
  let summary = "Moves norms into the linear maps that follow";
  let description = [{
    A norm whose only users are linear maps is computed by them: it reads no
    weight but its own, and the workers of a linear map have its input anyway.
    A norm with another user stays, it would be computed twice.

    Example (`test/passes/Fuse/fuse-norm.mlir`):

    ```mlir
    %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
    %y = fpmoe.linear %n, %w : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    ```

    becomes

    ```mlir
    %y = fpmoe.linear %x, %w norm %g : tensor<8xf32> eps 1.0e-6 : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    ```
  }];
}

def FuseResidual : Pass<"fpmoe-fuse-residual", "::mlir::ModuleOp"> {
  let summary = "Moves additions into the linear map before";
  let description = [{
    A linear map that is used by an addition alone starts from the other operand.

    Example (`test/passes/Fuse/fuse-residual.mlir`):

    ```mlir
    %o = fpmoe.linear %a, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
    %y = fpmoe.add %x, %o : tensor<?x8xf32>
    ```

    becomes

    ```mlir
    %y = fpmoe.linear %a, %w residual %x : tensor<?x8xf32> : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
    ```
  }];
}

def FuseHeads : Pass<"fpmoe-fuse-heads", "::mlir::ModuleOp"> {
  let summary = "Makes one op of what heads go through before attention";
  let description = [{
    The norms, the clipping and the rotary embeddings of projected heads become a
    `fpmoe.heads`, and so do the joint columns that latent attention appends to its
    keys. Nothing happens where a value in between has another user, or where q and
    k (and v, when clipped) are not treated alike.

    Example (`test/passes/Fuse/fuse-heads.mlir`):

    ```mlir
    %qn = fpmoe.rms_norm %q, %gq eps 1.0e-6 : tensor<?x8xf32>, tensor<4xf32>
    %kn = fpmoe.rms_norm %k, %gk eps 1.0e-6 : tensor<?x4xf32>, tensor<4xf32>
    %qr = fpmoe.rope %qn, %positions, %rope : tensor<?x8xf32>, tensor<64x4xf32>
    %kr = fpmoe.rope %kn, %positions, %rope : tensor<?x4xf32>, tensor<64x4xf32>
    %y = fpmoe.attention %qr, %kr, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    ```

    becomes

    ```mlir
    %qr, %kr, %vr = fpmoe.heads %q, %k, %v, %positions norms %gq : tensor<4xf32>, %gk : tensor<4xf32> eps 1.0e-6 rope %rope heads 2 kv_heads 1 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>
    %y = fpmoe.attention %qr, %kr, %vr, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    ```
  }];
}

def FuseQkv : Pass<"fpmoe-fuse-qkv", "::mlir::ModuleOp"> {
  let summary = "Makes one op of norm, projections and heads";
  let description = [{
    The norm, the three projections and the `fpmoe.heads` behind them become a
    `fpmoe.qkv`. Its weight and its bias are new weights, which hold the heads
    of q, k and v one after the other; the weights that are not used any more go.
    Nothing happens where a value in between has another user, where only some of
    the projections have a bias, where norms are of whole rows (a head cannot be
    finished without the others), and with latent attention.

    Example (`test/passes/Fuse/fuse-qkv.mlir`):

    ```mlir
    %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
    %q = fpmoe.linear %n, %wq : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %k = fpmoe.linear %n, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    %v = fpmoe.linear %n, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    %qr, %kr, %vr = fpmoe.heads %q, %k, %v, %positions rope %rope heads 2 kv_heads 1 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>
    ```

    becomes

    ```mlir
    %w = fpmoe.get @body.qkv[%layer] : tensor<4x4x8xf32>
    %qr, %kr, %vr = fpmoe.qkv %x, %positions norm %g eps 1.0e-6 weight %w rope %rope : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
    ```
  }];
}

def FuseScale : Pass<"fpmoe-fuse-scale", "::mlir::ModuleOp"> {
  let summary = "Moves multipliers into the embedding or linear map before";
  let description = [{
    Where an embedding or a linear map is used by a `fpmoe.scale` alone, it multiplies
    by itself. One that has a residual already stays: the residual is not scaled.

    Example (`test/passes/Fuse/fuse-scale.mlir`):

    ```mlir
    %o = fpmoe.linear %a, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
    %y = fpmoe.scale %o by 0.22 : tensor<?x8xf32>
    ```

    becomes

    ```mlir
    %y = fpmoe.linear %a, %w times 0.22 : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
    ```
  }];
}

def FuseMoe : Pass<"fpmoe-fuse-moe", "::mlir::ModuleOp"> {
  let summary = "Makes one op of a feed-forward block";
  let description = [{
    The norm, the router, the experts, the shared expert, a multiplier of them and
    the residual become a `fpmoe.moe`, so that routed and shared experts are one space of work. Gate and
    up become one new weight. The network of a dense layer is a
    shared expert alone. Nothing happens where a value in between has another
    user.

    Example (`test/passes/Fuse/fuse-moe.mlir`):

    ```mlir
    %n = fpmoe.rms_norm %x, %g eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
    %m = fpmoe.mlp %n, %gate, %up, %down : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
    %y = fpmoe.add %x, %m : tensor<?x8xf32>
    ```

    becomes

    ```mlir
    %gu = fpmoe.get @body.shared_gate_up[%layer] : tensor<12x8xf32>
    %y = fpmoe.moe %x norm %g : tensor<8xf32> eps 1.0e-6 shared %gu : tensor<32x8xf32>, %down : tensor<8x6xf32> -> tensor<?x8xf32>
    ```
  }];
}

def VerifyFused : Pass<"fpmoe-verify-fused", "::mlir::ModuleOp"> {
  let summary = "Fails where an op is left that only fused ops stand for";
  let description = [{
    Closes the fuse phase: no `rms_norm`, `rope`, `extend_heads`, `clamp`, `scale`,
    `route`, `experts`, `mlp` or `add` is left.
  }];
}

#endif
