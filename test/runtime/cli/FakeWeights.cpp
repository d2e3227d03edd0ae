//===- FakeWeights.cpp - weights for the runtime's tests --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Appends the weights of FakeModel.cpp and their trailer to a file, as the
// compiler does behind a program; an empty file becomes a weights file. Of
// several ranks, each has a part.
// Usage: fake-weights FILE FINGERPRINT [RANKS]
//
//===----------------------------------------------------------------------===//

#include "include/fpmoe/runtime/abi.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int count, char **arguments) {
  FILE *file = count == 3 || count == 4 ? fopen(arguments[1], "ab") : nullptr;
  if (!file || fseek(file, 0, SEEK_END))
    return 1;
  constexpr long alignment = 2 << 20;
  FpmoeTrailer trailer = {};
  trailer.magic = FPMOE_MAGIC;
  trailer.abi_version = FPMOE_ABI_VERSION;
  trailer.offset = (ftell(file) + alignment - 1) / alignment * alignment;
  int ranks = count == 4 ? atoi(arguments[3]) : 1;
  size_t part = ranks > 1 ? 2 << 20 : 1 << 20;
  trailer.bytes = ranks * part;
  trailer.fingerprint = strtoull(arguments[2], nullptr, 0);
  std::vector<unsigned char> blob(trailer.offset - ftell(file) + trailer.bytes);
  for (size_t i = 0; i < trailer.bytes; ++i)
    blob[blob.size() - trailer.bytes + i] =
        static_cast<unsigned char>(i % part % 251 + i / part);
  bool failed = fwrite(blob.data(), blob.size(), 1, file) != 1 ||
                fwrite(&trailer, sizeof(trailer), 1, file) != 1;
  return fclose(file) || failed;
}
