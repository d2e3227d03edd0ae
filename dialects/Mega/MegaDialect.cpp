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
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mega;

#include "dialects/Mega/MegaDialect.cpp.inc"
#include "dialects/Mega/MegaEnums.cpp.inc"
#include "dialects/Mega/MegaInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Mega/MegaAttrs.cpp.inc"

static ParseResult parseTileSizes(OpAsmParser &parser, ArrayAttr &sizes);
static void printTileSizes(OpAsmPrinter &printer, Operation *op,
                           ArrayAttr sizes);

#define GET_OP_CLASSES
#include "dialects/Mega/MegaOps.cpp.inc"

void MegaDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Mega/MegaAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Mega/MegaOps.cpp.inc"
      >();
}

LogicalResult MegaDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  if (attribute.getName() != kTargetAttr)
    return success();
  if (!isa<ModuleOp>(op) || !isa<TargetAttr>(attribute.getValue()))
    return op->emitOpError("has '")
           << kTargetAttr << "' = " << attribute.getValue()
           << ", which must be a #mega.target of a module (target_c2)";
  return success();
}

TargetAttr mega::getTarget(Operation *op) {
  auto module = dyn_cast<ModuleOp>(op);
  if (!module)
    module = op->getParentOfType<ModuleOp>();
  if (auto target = module->getAttrOfType<TargetAttr>(kTargetAttr))
    return target;
  return TargetAttr::get(op->getContext(), "generic", DotInstruction::None,
                         /*rows=*/12, /*accumulators=*/24, /*columns=*/16,
                         /*tile_rows=*/0, /*prefetch=*/0,
                         IntDotInstruction::None, /*span=*/512,
                         /*threads=*/1);
}

LogicalResult ProgramOp::verify() {
  int64_t tokens = getMaxTokens(), rows = getRows(), context = getContext();
  if (tokens < 1 || rows < 1 || context < 1 || rows > tokens)
    return emitOpError("has max_tokens ")
           << tokens << ", rows " << rows << " and context " << context
           << "; all must be positive and rows at most max_tokens (program_c1)";
  return success();
}

int64_t ProgramOp::getScratchBytes(BufferSpace space) {
  int64_t end = 0;
  for (auto buffer : getBody().getOps<BufferOp>())
    if (buffer.getSpace() == space && buffer.getOffset())
      end = std::max(end, int64_t(*buffer.getOffset()) + buffer.getBytes());
  return llvm::alignTo(end, 64);
}

LayersOp ProgramOp::getLayersOp() {
  auto ops = getBody().getOps<LayersOp>();
  return ops.empty() ? LayersOp() : *ops.begin();
}

int64_t ProgramOp::getNumTopPhases() {
  return llvm::range_size(getBody().getOps<PhaseOp>());
}

int64_t ProgramOp::getNumLayerPhases() {
  int64_t most = 0;
  if (LayersOp layers = getLayersOp())
    for (Region &kind : layers.getKinds())
      most = std::max<int64_t>(most, llvm::range_size(kind.getOps<PhaseOp>()));
  return most;
}

int64_t ProgramOp::getNumTickets() {
  LayersOp layers = getLayersOp();
  return getNumTopPhases() +
         (layers ? getNumLayerPhases() * int64_t(layers.getOrder().size()) : 0);
}

int64_t BufferOp::getBytes() {
  auto type = cast<MemRefType>(getResult().getType());
  return type.getNumElements() * type.getElementTypeBitWidth() / 8;
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
  if (!type.getLayout().isIdentity() && type != getRowMajorType(type))
    return emitOpError("is ")
           << type
           << ", whose layout is neither the default nor, of "
              "an operand, row-major (buffer_c2)";
  bool isScratch =
      getSpace() == BufferSpace::Shared || getSpace() == BufferSpace::Private;
  int64_t offset = getOffset().value_or(0);
  if (getOffset() && (!isScratch || offset < 0 || offset % 64))
    return emitOpError("stands at ")
           << offset << " of " << stringifyBufferSpace(getSpace())
           << " memory; only scratch has an offset, a multiple of 64 "
              "(buffer_c3)";
  return success();
}

void BufferOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getResult(),
          getName().value_or(isa<MemRefType>(getResult().getType()) &&
                                     (getSpace() == BufferSpace::Cache ||
                                      getSpace() == BufferSpace::Logits)
                                 ? stringifyBufferSpace(getSpace())
                                 : StringRef()));
}

MemRefType InputOp::getInputType(MLIRContext *context) {
  return MemRefType::get({ShapedType::kDynamic}, IntegerType::get(context, 32));
}

LogicalResult InputOp::verify() {
  MemRefType expected = getInputType(getContext());
  if (getResult().getType() != expected)
    return emitOpError("'")
           << stringifyStepInput(getInput()) << "' is " << getResult().getType()
           << ", it must be " << expected << " (input_c1)";
  return success();
}

void InputOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getResult(), stringifyStepInput(getInput()));
}

void WeightOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getResult(), getWeight());
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

bool mega::isPrivate(Value memory) {
  auto buffer = memory.getDefiningOp<BufferOp>();
  return buffer && buffer.getSpace() == BufferSpace::Private;
}

GroupTableLayout GroupTableLayout::withGroups(Value table, int64_t groups,
                                              int64_t rows) {
  int64_t size = cast<MemRefType>(table.getType()).getDimSize(0);
  return {groups, (size - groups - 1) / (1 + 2 * rows), rows};
}

GroupTableLayout GroupTableLayout::withBlocks(Value table, int64_t blocks,
                                              int64_t rows) {
  int64_t size = cast<MemRefType>(table.getType()).getDimSize(0);
  return {size - blocks * (1 + 2 * rows) - 1, blocks, rows};
}

/// `[9, blocks]`
static ParseResult parseTileSizes(OpAsmParser &parser, ArrayAttr &sizes) {
  SmallVector<Attribute> list;
  auto parseSize = [&]() -> ParseResult {
    int64_t number;
    OptionalParseResult isNumber = parser.parseOptionalInteger(number);
    if (isNumber.has_value()) {
      list.push_back(parser.getBuilder().getI64IntegerAttr(number));
      return *isNumber;
    }
    StringRef name;
    SMLoc place = parser.getCurrentLocation();
    if (parser.parseKeyword(&name))
      return failure();
    std::optional<TileSize> size = symbolizeTileSize(name);
    if (!size)
      return parser.emitError(place)
             << "'" << name << "' is no size of a tile space (phase_c4)";
    list.push_back(TileSizeAttr::get(parser.getContext(), *size));
    return success();
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, parseSize))
    return failure();
  sizes = parser.getBuilder().getArrayAttr(list);
  return success();
}

static void printTileSizes(OpAsmPrinter &printer, Operation *,
                           ArrayAttr sizes) {
  printer << "[";
  llvm::interleaveComma(sizes, printer, [&](Attribute size) {
    if (auto name = dyn_cast<TileSizeAttr>(size))
      printer << stringifyTileSize(name.getValue());
    else
      printer << cast<IntegerAttr>(size).getInt();
  });
  printer << "]";
}

bool PhaseOp::readsWeights() {
  Block &ops = getBody().front();
  if (!getTiles() || !llvm::hasSingleElement(ops))
    return false;
  auto tile = dyn_cast<TileOpInterface>(ops.front());
  return tile && tile.getProduct().rows && isa<IntegerAttr>((*getTiles())[0]) &&
         llvm::all_of(getTiles()->getValue().drop_front(), [](Attribute size) {
           auto number = dyn_cast<IntegerAttr>(size);
           return number && number.getInt() == 1;
         });
}

SmallVector<TileAccess> PhaseOp::getAccesses() {
  SmallVector<TileAccess> accesses;
  if (getAhead()) // asks for weights, and touches nothing
    return accesses;
  for (Operation &op : getBody().front())
    if (auto tile = dyn_cast<TileOpInterface>(op))
      tile.getAccesses(accesses);
  return accesses;
}

/// Whether a phase of which `first` is the first op can have `size` tiles.
static bool isTileSize(Attribute size, TileOpInterface first) {
  if (auto number = dyn_cast<IntegerAttr>(size))
    return number.getType().isInteger(64) && number.getInt() > 0;
  auto name = dyn_cast<TileSizeAttr>(size);
  return name && first.allowsTileSize(name.getValue());
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
          !isa_and_nonnull<BufferOp, InputOp>(operand.getDefiningOp()))
        return op.emitOpError("takes memory that is neither a mega.buffer nor "
                              "a mega.input");
    if (getRank() != 0 && tile.getTileRank() != getRank())
      return emitOpError("has ")
             << getRank() << " dimensions, '" << op.getName() << "' has "
             << tile.getTileRank() << " (phase_c3)";
  }
  for (Attribute size : getTiles().value_or(ArrayAttr::get(getContext(), {})))
    if (!isTileSize(size, cast<TileOpInterface>(getBody().front().front()))) {
      InFlightDiagnostic error = emitOpError("has ");
      if (auto name = dyn_cast<TileSizeAttr>(size))
        error << "'" << stringifyTileSize(name.getValue()) << "'";
      else
        error << size;
      return error << " tiles, which is neither a positive number nor a size "
                      "that '"
                   << getBody().front().front().getName() << "' has (phase_c4)";
    }
  if (getAhead() && !readsWeights())
    return emitOpError("asks for weights ahead, and is not one op that "
                       "multiplies by them, of a number of tiles in the first "
                       "dimension alone (phase_c5)");
  SmallVector<TileAccess> accesses = getAccesses();
  for (const TileAccess &write : accesses) {
    if (!write.write || isPrivate(write.buffer))
      continue;
    if (getRank() == 0)
      return emitOpError("is done by every worker, but writes ")
             << write.buffer.getType() << " of the team (phase_c2)";
    // Tiles that differ in a dimension the part does not depend on meet in it.
    auto hasOne = [&](int64_t d) {
      auto size = dyn_cast<IntegerAttr>((*getTiles())[d]);
      return size && size.getInt() == 1;
    };
    for (int64_t d = 0; d < getRank(); ++d)
      if (!hasOne(d) && !llvm::is_contained(write.dims, d))
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

/// Whether a phase is one tile, whatever the step.
static bool isOneTile(PhaseOp phase) {
  return phase.getTiles() && llvm::all_of(*phase.getTiles(), [](Attribute a) {
           auto size = dyn_cast<IntegerAttr>(a);
           return size && size.getInt() == 1;
         });
}

bool mega::mayOverlap(PhaseOp first, PhaseOp second) {
  auto program = first->getParentOfType<ProgramOp>();
  if (program && program.getMaxTokens() == 1 && isOneTile(first) &&
      isOneTile(second))
    return true;
  for (const TileAccess &a : first.getAccesses())
    for (const TileAccess &b : second.getAccesses())
      if (a.buffer == b.buffer && (a.write || b.write) && !isPrivate(a.buffer))
        return false;
  return true;
}
