//===- Commands.h - the commands of a compiled program ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each takes the arguments after its name and returns the exit code. `program`
// is the program's name as typed, without its folder.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_COMMANDS_H
#define FPMOE_RUNTIME_CLI_COMMANDS_H

#include <string>

namespace fpmoe {

int runGenerate(const std::string &program, int count, char **arguments);
int runScore(const std::string &program, int count, char **arguments);
int runBench(const std::string &program, int count, char **arguments);
int runInfo(const std::string &program, int count, char **arguments);
int runTrace(const std::string &program, int count, char **arguments);
int runComplete(const std::string &program, int count, char **arguments);
int runServe(const std::string &program, int count, char **arguments);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_COMMANDS_H
