//===- Registers.cpp - registers of wgmma in flight ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// wgmma reads and writes registers after the instruction, until a wait. In IR
// they are values: a register operand is overwritten where the instruction that
// defines it runs again, a result is read where anything but another wgmma
// uses it.
//
//===----------------------------------------------------------------------===//

#include "Translator.h"
#include "Wgmma.h"

#include "llvm/ADT/SetVector.h"
#include <functional>
#include <set>

using namespace llvm;
using namespace fpmoe::emulator;

namespace {
// Values that hold results of products, through phis and aggregates.
using Results = MapVector<Value *, SetVector<const Site *>>;
} // namespace

static bool carries(const Instruction &user) {
  return isa<PHINode, ExtractValueInst, InsertValueInst>(user);
}

static Results followResults(ArrayRef<std::pair<CallInst *, Site *>> products) {
  Results results;
  SmallVector<Value *> work;
  for (auto [call, site] : products) {
    results[call].insert(site);
    work.push_back(call);
  }
  while (!work.empty()) {
    Value *value = work.pop_back_val();
    SetVector<const Site *> sites = results[value];
    for (User *user : value->users()) {
      if (!carries(*cast<Instruction>(user)))
        continue;
      size_t before = results[user].size();
      results[user].insert_range(sites);
      if (results[user].size() != before)
        work.push_back(user);
    }
  }
  return results;
}

void Translator::watchRegisters() {
  std::vector<std::pair<CallInst *, Site *>> products;
  for (auto [instruction, site] : operations)
    if (site->handler == multiplyAsync)
      products.push_back({cast<CallInst>(instruction), site});
  if (products.empty())
    return;
  Results results = followResults(products);

  std::map<Value *, const Site *> productOf(products.begin(), products.end());
  std::set<std::pair<Instruction *, const Site *>> definitions, uses;
  std::function<void(Value *, const Site *, bool, std::set<Value *> &)> define =
      [&](Value *value, const Site *site, bool accumulator,
          std::set<Value *> &seen) {
        auto *instruction = dyn_cast<Instruction>(value);
        if (!instruction || !seen.insert(value).second)
          return;
        if (accumulator && results.contains(value)) {
          if (isa<PHINode, InsertValueInst>(value))
            for (Value *operand : instruction->operands())
              define(operand, site, true, seen);
          return;
        }
        definitions.insert({instruction, site});
      };
  for (auto [call, site] : products) {
    WgmmaShape shape = WgmmaShape::decode(site->parameter);
    ArrayRef<Value *> sources = asmSources[call];
    unsigned accumulators = shape.accumulates ? shape.results() : 0;
    std::set<Value *> seen;
    for (Value *value : sources.take_front(accumulators))
      define(value, site, true, seen);
    if (shape.aInRegisters)
      for (Value *value : sources.slice(accumulators, 4))
        define(value, site, false, seen);
  }
  for (auto &[value, sites] : results)
    for (Use &use : value->uses()) {
      auto *user = cast<Instruction>(use.getUser());
      if (carries(*user))
        continue;
      if (auto found = productOf.find(user); found != productOf.end()) {
        WgmmaShape shape = WgmmaShape::decode(found->second->parameter);
        ArrayRef<Value *> sources = asmSources[cast<CallInst>(user)];
        unsigned accumulators = shape.accumulates ? shape.results() : 0;
        if (is_contained(sources.take_front(accumulators), use.get()))
          continue;
      }
      for (const Site *site : sites)
        uses.insert({user, site});
    }
  for (auto [instruction, site] : definitions) {
    builder.SetInsertPoint(instruction->getParent(),
                           isa<PHINode>(instruction)
                               ? instruction->getParent()->getFirstInsertionPt()
                               : std::next(instruction->getIterator()));
    callHook(address(defineOperand), {pointerTo(*site)});
  }
  for (auto [instruction, site] : uses) {
    builder.SetInsertPoint(instruction);
    callHook(address(useResult), {pointerTo(*site)});
  }
}
