//===- MegaDialect.cpp - Programs, phases and races -----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Registers the dialect, verifies its structure, and decides which accesses
// conflict.
//===----------------------------------------------------------------------===//

#include "dialects/Mega/Mega.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mega;

#include "dialects/Mega/MegaDialect.cpp.inc"
#include "dialects/Mega/MegaEnums.cpp.inc"
#include "dialects/Mega/MegaInterfaces.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/Mega/MegaOps.cpp.inc"

void MegaDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Mega/MegaOps.cpp.inc"
      >();
}

LogicalResult ProgramOp::verify() {
  int64_t tokens = getMaxTokens(), rows = getRows(), context = getContext();
  if (tokens < 1 || rows < 1 || context < 1 || rows > tokens)
    return emitOpError("has max_tokens ")
           << tokens << ", rows " << rows << " and context " << context
           << "; all must be positive and rows at most max_tokens (program_c1)";
  return success();
}

LogicalResult BufferOp::verify() {
  auto type = cast<MemRefType>(getResult().getType());
  for (auto [i, size] : llvm::enumerate(type.getShape())) {
    bool open = (getSpace() == BufferSpace::Cache && i == 2) ||
                (getSpace() == BufferSpace::Logits && i == 0);
    if (ShapedType::isDynamic(size) != open)
      return emitOpError("is ")
             << type << ", dimension " << i << " must be "
             << (open ? "dynamic" : "static") << " (buffer_c1)";
    if (size == 0)
      return emitOpError("is ")
             << type << ", dimension " << i << " must not be 0 (buffer_c1)";
  }
  if (type.getLayout().isIdentity() || type == getRowMajorType(type))
    return success();
  return emitOpError("is ") << type
                            << ", whose layout is neither the default nor, of "
                               "an operand, row-major (buffer_c2)";
}

LogicalResult WeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto weight =
      symbols.lookupNearestSymbolFrom<fpmoe::WeightOp>(*this, getWeightAttr());
  if (!weight || weight.getType() != getType())
    return emitOpError("'") << getWeight() << "' is not a weight of type "
                            << getType() << " (mega_weight_c1)";
  if (weight.getLayers().has_value() != static_cast<bool>(getLayer()))
    return emitOpError("'") << getWeight() << "' and its use disagree on "
                            << "whether it has layers (mega_weight_c1)";
  return success();
}

LogicalResult LayersOp::verifyRegions() {
  SmallVector<bool> used(getKinds().size());
  for (int64_t kind : getOrder()) {
    if (kind < 0 || kind >= static_cast<int64_t>(used.size()))
      return emitOpError("runs region ")
             << kind << " of only " << used.size() << " (mega_layers_c1)";
    used[kind] = true;
  }
  for (auto [kind, isUsed] : llvm::enumerate(used))
    if (!isUsed)
      return emitOpError("never runs region ") << kind << " (mega_layers_c1)";
  for (Region &region : getKinds())
    if (region.getNumArguments() != 1 ||
        !region.getArgument(0).getType().isIndex())
      return emitOpError("has a region that does not take one index "
                         "(mega_layers_c2)");
  return success();
}

MemRefType mega::getRowMajorType(MemRefType operand) {
  if (operand.getRank() != 4 || !operand.hasStaticShape())
    return {};
  ArrayRef<int64_t> shape = operand.getShape();
  int64_t step = shape[3], row = shape[1] * step, block = shape[2] * row;
  auto layout = StridedLayoutAttr::get(operand.getContext(), /*offset=*/0,
                                       {block, step, row, 1});
  return MemRefType::get(shape, operand.getElementType(), layout);
}

BufferSpace mega::getSpace(Value buffer) {
  return buffer.getDefiningOp<BufferOp>().getSpace();
}

SmallVector<TileAccess> PhaseOp::getAccesses() {
  SmallVector<TileAccess> accesses;
  for (Operation &op : getBody().front())
    if (auto tile = dyn_cast<TileOpInterface>(op))
      tile.getAccesses(accesses);
  return accesses;
}

/// Whether a phase of which `first` is the first op can have `size` tiles.
static bool isTileSize(Attribute size, Operation &first) {
  if (auto number = dyn_cast<IntegerAttr>(size))
    return number.getType().isInteger(64) && number.getInt() > 0;
  auto name = dyn_cast<StringAttr>(size);
  if (!name)
    return false;
  if (name == "spans")
    return isa<QkvOp, LinearOp>(first);
  if (name == "slots")
    return isa<GatherOp>(first);
  return name == "tokens" || name == "blocks" || name == "logits";
}

LogicalResult PhaseOp::verifyRegions() {
  if (getBody().front().empty())
    return emitOpError("holds no work of a tile (phase_c3)");
  for (Operation &op : getBody().front()) {
    auto tile = dyn_cast<TileOpInterface>(op);
    if (!tile)
      return emitOpError("holds '") << op.getName() << "', which is not the "
                                    << "work of a tile (phase_c3)";
    for (Value operand : op.getOperands())
      if (isa<MemRefType>(operand.getType()) &&
          !operand.getDefiningOp<BufferOp>())
        return op.emitOpError("takes memory that is not a mega.buffer");
    if (getRank() != 0 && tile.getTileRank() != getRank())
      return emitOpError("has ")
             << getRank() << " dimensions, '" << op.getName() << "' has "
             << tile.getTileRank() << " (phase_c3)";
  }
  for (Attribute size : getTiles().value_or(ArrayAttr::get(getContext(), {})))
    if (!isTileSize(size, getBody().front().front()))
      return emitOpError("has ")
             << size << " tiles, which is neither a positive "
             << "number nor a size that '"
             << getBody().front().front().getName() << "' has (phase_c4)";
  SmallVector<TileAccess> accesses = getAccesses();
  for (const TileAccess &write : accesses) {
    if (!write.write || getSpace(write.buffer) == BufferSpace::Private)
      continue;
    if (getRank() == 0)
      return emitOpError("is done by every worker, but writes ")
             << write.buffer.getType() << " of the team (phase_c2)";
    // Tiles that differ in a dimension the part does not depend on meet in it.
    for (int64_t d = 0; d < getRank(); ++d)
      if (!llvm::is_contained(write.dims, d))
        return emitOpError("has tiles along dimension ")
               << d << " that write the same part of " << write.buffer.getType()
               << " (phase_c1)";
    for (const TileAccess &other : accesses)
      if (other.buffer == write.buffer && other.dims != write.dims)
        return emitOpError("has tiles that ")
               << (other.write ? "write" : "read") << " parts of "
               << write.buffer.getType()
               << " which other tiles write (phase_c1)";
  }
  return success();
}

bool mega::mayOverlap(PhaseOp first, PhaseOp second) {
  for (const TileAccess &a : first.getAccesses())
    for (const TileAccess &b : second.getAccesses())
      if (a.buffer == b.buffer && (a.write || b.write) &&
          getSpace(a.buffer) != BufferSpace::Private)
        return false;
  return true;
}
