//===- StaticLibrary.cpp - a library in a program of C++ ------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "fpmoe/runtime/fpmoe.h"

#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

int main(int, char **arguments) {
  std::vector<int32_t> ids;
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i) {
    ids.push_back(i);
    texts.push_back(std::to_string(i));
  }
  fpmoe_options options = {};
  options.size = sizeof(options);
  options.weights_file = arguments[1];
  fpmoe_engine *engine;
  if (fpmoe_open(&options, &engine) < 0) {
    std::cerr << fpmoe_error() << "\n";
    return 1;
  }
  try {
    fpmoe_tokenize(engine, "", ~size_t(0) / 2, 1, nullptr, 0);
  } catch (const std::length_error &error) {
    std::cout << error.what() << "\n";
  }
  int64_t count =
      fpmoe_tokenize(engine, "main = do", 9, 1, ids.data(), ids.size());
  if (count > 0 && count < 10 && texts[99] == "99")
    std::cout << "all is well\n";
  fpmoe_close(engine);
}
