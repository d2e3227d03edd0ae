//===- CPU/RouteRule.h - The experts that a token takes ---------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CPU_ROUTERULE_H
#define FPMOE_LIB_CODEGEN_CPU_ROUTERULE_H

#include "lib/Codegen/CPU/Phase.h"

namespace fpmoe {

/// Takes the number of a score (i64) and the row of the router that it is of
/// (i64), and gives the logit (f32).
using LogitOf = llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)>;

/// Writes the experts of a token and their weights, as the op's routing says,
/// with `shared` (f32) as the weight of the shared expert. Scores are numbered
/// as `getRoutedRows` has the router's rows.
void emitRouteRule(PhaseContext &phase, mega::RouteOp op, mlir::Value token,
                   mlir::Value shared, LogitOf logitOf);

/// The rows of the router whose logits the rule of the op asks for.
llvm::SmallVector<int64_t> getRoutedRows(mega::RouteOp op);

} // namespace fpmoe

#endif
