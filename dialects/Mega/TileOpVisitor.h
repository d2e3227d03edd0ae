//===- TileOpVisitor.h - Tile ops by their classes --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Calls an overload for the class of a tile op. The classes are those of the
// dialect's list that have the interface, so that a new op needs no case: where
// an overload is missing, the build ends with the op's name.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_MEGA_TILEOPVISITOR_H
#define FPMOE_DIALECTS_MEGA_TILEOPVISITOR_H

#include "dialects/Mega/Mega.h"

namespace mega {

template <typename... Ops> struct OpList {
  /// Calls `visit` with the op as its class, if that is a tile op of the list.
  template <typename Visit>
  static bool visitTileOp(mlir::Operation &op, Visit &visit) {
    return (visitAs<Ops>(op, visit) || ...);
  }

private:
  template <typename Op, typename Visit>
  static bool visitAs(mlir::Operation &op, Visit &visit) {
    if constexpr (Op::template hasTrait<TileOpInterface::Trait>()) {
      if (auto tileOp = llvm::dyn_cast<Op>(op)) {
        visit(tileOp);
        return true;
      }
    }
    return false;
  }
};

/// Calls `visit` with an op of a phase as its class.
template <typename Visit> void visitTileOp(mlir::Operation &op, Visit visit) {
  using MegaOps = OpList<
#define GET_OP_LIST
#include "dialects/Mega/MegaOps.cpp.inc"
      >;
  if (!MegaOps::visitTileOp(op, visit))
    llvm_unreachable("a phase holds tile ops");
}

} // namespace mega

#endif
