//===- InlineAsm.cpp - inline assembly of kernels ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InlineAsm.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace llvm;
using namespace fpmoe::emulator;

namespace {
class Parser {
public:
  explicit Parser(const InlineAsm &assembly) : assembly(assembly) {}
  Expected<AsmInstruction> parse();

private:
  Error parseConstraints();
  Error parseStatement(StringRef statement);
  Error addOperand(StringRef token);
  Error fail(const Twine &why) const {
    return createStringError("inline assembly is not modelled: " + why +
                             ": \"" + assembly.getAsmString() + "\"");
  }

  const InlineAsm &assembly;
  unsigned resultCount = 0;
  SmallVector<int> tiedArgument;    // of each result, or -1
  SmallVector<unsigned> argumentOf; // of each operand behind the results
  StringMap<StringRef> predicates;  // a register that setp made: from what
  AsmInstruction instruction;
};
} // namespace

Error Parser::parseConstraints() {
  unsigned arguments = 0;
  for (const InlineAsm::ConstraintInfo &info : assembly.ParseConstraints()) {
    if (info.Type == InlineAsm::isClobber)
      continue;
    if (info.isIndirect)
      return fail("an indirect operand");
    if (info.Type == InlineAsm::isOutput) {
      ++resultCount;
      tiedArgument.push_back(-1);
    } else if (info.Type == InlineAsm::isInput) {
      StringRef code = info.Codes.empty() ? "" : StringRef(info.Codes[0]);
      unsigned tied;
      if (!code.getAsInteger(10, tied) && tied < tiedArgument.size())
        tiedArgument[tied] = arguments;
      argumentOf.push_back(arguments++);
    } else {
      return fail("a label");
    }
  }
  return Error::success();
}

// $3 or ${3:x}, an immediate, or a predicate register.
Error Parser::addOperand(StringRef token) {
  if (auto found = predicates.find(token); found != predicates.end())
    token = found->second;
  if (token.consume_front("$")) {
    token.consume_front("{");
    token = token.take_while(isDigit);
    unsigned number;
    if (token.getAsInteger(10, number))
      return fail("operand '" + token + "'");
    if (number >= resultCount + argumentOf.size())
      return fail("operand $" + Twine(number));
    if (number >= resultCount) {
      instruction.sources.push_back({false, argumentOf[number - resultCount]});
      return Error::success();
    }
    instruction.results.push_back(number);
    if (tiedArgument[number] >= 0)
      instruction.sources.push_back({false, unsigned(tiedArgument[number])});
    return Error::success();
  }
  int64_t value;
  if (!token.getAsInteger(0, value)) {
    instruction.sources.push_back({true, uint64_t(value)});
    return Error::success();
  }
  if (token == "1.0") { // the fraction of createpolicy
    instruction.sources.push_back({true, 1});
    return Error::success();
  }
  return fail("operand '" + token + "'");
}

Error Parser::parseStatement(StringRef statement) {
  auto [mnemonic, rest] = statement.split(' ');
  mnemonic = mnemonic.trim();
  if (mnemonic.starts_with(".reg"))
    return Error::success();
  if (mnemonic.contains(':') && mnemonic.ends_with(":"))
    return fail("a label");
  if (mnemonic.starts_with("@"))
    return fail("a predicated instruction");
  SmallVector<StringRef> tokens;
  SplitString(rest, tokens, ", \t\n{}[]");
  if (mnemonic == "setp.ne.b32") {
    if (tokens.size() != 3 || tokens[2] != "0")
      return fail("setp");
    predicates[tokens[0]] = tokens[1];
    return Error::success();
  }
  if (!instruction.mnemonic.empty())
    return fail("several instructions");
  instruction.mnemonic = mnemonic.str();
  // ${3:x} has braces of its own: undo what the split has done to them.
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::string joined;
    if (tokens[i] == "$" && i + 1 < tokens.size()) {
      joined = ("$" + tokens[i + 1].split(':').first).str();
      ++i;
    } else {
      joined = tokens[i].str();
    }
    if (Error error = addOperand(joined))
      return error;
  }
  return Error::success();
}

Expected<AsmInstruction> Parser::parse() {
  if (Error error = parseConstraints())
    return std::move(error);
  StringRef text = assembly.getAsmString();
  SmallVector<StringRef> statements;
  text.split(statements, ';');
  for (StringRef statement : statements) {
    statement = statement.trim(" \t\n");
    if (statement.starts_with("{"))
      statement = statement.drop_front().trim(" \t\n");
    if (statement.empty() || statement == "}")
      continue;
    if (Error error = parseStatement(statement))
      return std::move(error);
  }
  if (instruction.mnemonic.empty())
    return fail("no instruction");
  return std::move(instruction);
}

Expected<AsmInstruction> fpmoe::emulator::parseAsm(const InlineAsm &assembly) {
  return Parser(assembly).parse();
}
