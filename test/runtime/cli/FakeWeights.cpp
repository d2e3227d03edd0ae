//===- FakeWeights.cpp - weights for the runtime's tests --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Appends the weights of FakeModel.cpp and their trailer to a file, as the
// compiler does behind a program. Usage: fake-weights FILE
//
//===----------------------------------------------------------------------===//

#include "include/fpmoe/runtime/abi.h"

#include <cstdio>
#include <vector>

int main(int count, char **arguments) {
  FILE *file = count == 2 ? fopen(arguments[1], "r+b") : nullptr;
  if (!file || fseek(file, 0, SEEK_END))
    return 1;
  constexpr long alignment = 2 << 20;
  FpmoeTrailer trailer = {};
  trailer.magic = FPMOE_MAGIC;
  trailer.abi_version = FPMOE_ABI_VERSION;
  trailer.offset = (ftell(file) + alignment - 1) / alignment * alignment;
  trailer.bytes = 1 << 20;
  trailer.fingerprint = 0x1234;
  std::vector<unsigned char> blob(trailer.bytes);
  for (size_t i = 0; i < blob.size(); ++i)
    blob[i] = static_cast<unsigned char>(i % 251);
  bool failed = fseek(file, trailer.offset, SEEK_SET) ||
                fwrite(blob.data(), blob.size(), 1, file) != 1 ||
                fwrite(&trailer, sizeof(trailer), 1, file) != 1;
  return fclose(file) || failed;
}
