//===- DType.cpp - element types of checkpoints -----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One table of names and sizes. See DType.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/DType.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace fpmoe {

namespace {
struct DTypeEntry {
  DType dtype;
  StringLiteral name;
  /// Of a block.
  unsigned bits, elements = 1;
};
} // namespace

static constexpr DTypeEntry dtypes[] = {
    {DType::F32, "F32", 32},
    {DType::F16, "F16", 16},
    {DType::BF16, "BF16", 16},
    {DType::F64, "F64", 64},
    {DType::Q4_0, "Q4_0", 8 * 18, 32},
    {DType::Q4_1, "Q4_1", 8 * 20, 32},
    {DType::Q5_0, "Q5_0", 8 * 22, 32},
    {DType::Q5_1, "Q5_1", 8 * 24, 32},
    {DType::Q8_0, "Q8_0", 8 * 34, 32},
    {DType::Q4_K, "Q4_K", 8 * 144, 256},
    {DType::Q5_K, "Q5_K", 8 * 176, 256},
    {DType::Q6_K, "Q6_K", 8 * 210, 256},
    {DType::F8E4M3, "F8_E4M3", 8},
    {DType::F8E5M2, "F8_E5M2", 8},
    {DType::F8E8M0, "F8_E8M0", 8},
    {DType::F8E4M3FNUZ, "F8_E4M3FNUZ", 8},
    {DType::F8E5M2FNUZ, "F8_E5M2FNUZ", 8},
    {DType::F6E2M3, "F6_E2M3", 6},
    {DType::F6E3M2, "F6_E3M2", 6},
    {DType::F4, "F4", 4},
    {DType::Bool, "BOOL", 8},
    {DType::I8, "I8", 8},
    {DType::I16, "I16", 16},
    {DType::I32, "I32", 32},
    {DType::I64, "I64", 64},
    {DType::U8, "U8", 8},
    {DType::U16, "U16", 16},
    {DType::U32, "U32", 32},
    {DType::U64, "U64", 64},
    {DType::C64, "C64", 64},
};

static const DTypeEntry &entryOf(DType dtype) {
  const DTypeEntry &entry = dtypes[static_cast<unsigned>(dtype)];
  assert(entry.dtype == dtype && "the table is in the order of the types");
  return entry;
}

StringRef getName(DType dtype) { return entryOf(dtype).name; }
unsigned getBits(DType dtype) { return entryOf(dtype).bits; }
unsigned getBlockElements(DType dtype) { return entryOf(dtype).elements; }
bool isLoadable(DType dtype) { return dtype <= DType::Q6_K; }

std::string listLoadable() {
  auto loadable = make_filter_range(
      dtypes, [](const DTypeEntry &entry) { return isLoadable(entry.dtype); });
  return join(map_range(loadable, [](auto &e) { return StringRef(e.name); }),
              ", ");
}

std::optional<DType> findDType(StringRef name) {
  auto *entry = find_if(dtypes, [&](auto &e) { return e.name == name; });
  if (entry == std::end(dtypes))
    return std::nullopt;
  return entry->dtype;
}

} // namespace fpmoe
