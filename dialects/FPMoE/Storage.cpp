//===- Storage.cpp - Formats in which matrices are stored -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/Storage.h"
#include "dialects/FPMoE/FPMoE.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace {

struct StorageFormat {
  StringLiteral name;
  Type (*getType)(MLIRContext *);
};

template <typename T> Type get(MLIRContext *context) { return T::get(context); }

constexpr StorageFormat kFormats[] = {
    {"f32", get<Float32Type>},        {"f16", get<Float16Type>},
    {"bf16", get<BFloat16Type>},      {"int8", get<fpmoe::Int8Type>},
    {"uint4", get<fpmoe::UInt4Type>}, {"int4", get<fpmoe::Int4Type>}};

} // namespace

std::optional<fpmoe::GroupFormat> fpmoe::getGroupFormat(Type element) {
  if (isa<Int8Type>(element))
    return GroupFormat{8, 128};
  if (isa<Int4Type>(element))
    return GroupFormat{4, 8};
  if (isa<UInt4Type>(element))
    return GroupFormat{4, 0, /*hasMinimum=*/true};
  return std::nullopt;
}

int64_t fpmoe::getStorageBytes(RankedTensorType type) {
  std::optional<GroupFormat> format = getGroupFormat(type.getElementType());
  if (!format)
    return type.getNumElements() * (type.getElementTypeBitWidth() / 8);
  int64_t columns = type.getShape().back();
  return type.getNumElements() / columns *
         llvm::divideCeil(columns, GroupFormat::kElements) * format->getBytes();
}

bool fpmoe::isStorageName(StringRef name) {
  return llvm::any_of(kFormats, [&](auto &f) { return f.name == name; });
}

std::string fpmoe::listStorageNames() {
  return llvm::join(
      llvm::map_range(kFormats, [](auto &f) { return f.name.str(); }), ", ");
}

StringRef fpmoe::joinStorage(StringRef a, StringRef b) {
  if (a == b)
    return a;
  static constexpr StringLiteral kIntegers[] = {"int8", "uint4", "int4"};
  if (llvm::is_contained(kIntegers, a) && llvm::is_contained(kIntegers, b))
    for (StringRef format : kIntegers)
      if (format == a || format == b)
        return format;
  return "f32";
}

Type fpmoe::getStorageType(MLIRContext *context, StringRef name) {
  for (const StorageFormat &format : kFormats)
    if (format.name == name)
      return format.getType(context);
  return {};
}

StringRef fpmoe::getStorageName(Type element) {
  for (const StorageFormat &format : kFormats)
    if (format.getType(element.getContext()) == element)
      return format.name;
  llvm_unreachable("no element type of a storage format");
}
