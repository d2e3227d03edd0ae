//===- TomlTable.h - typed members of a TOML table --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads members of an untrusted TOML table with a type and a range, or gives an
// error that says where. A key that nobody asked for is an error, too.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_ASSEMBLY_TOMLTABLE_H
#define FPMOE_LIB_ASSEMBLY_TOMLTABLE_H

#include "lib/Assembly/MixtureRecipe.h"
#include "lib/Config/Toml.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace fpmoe {

/// Typed access to the members of a table. A reader leaves `out` alone where
/// the key is missing.
class TomlTable {
public:
  TomlTable(const toml::table &table, llvm::StringRef fileName)
      : table(table), fileName(fileName) {}

  /// The member, or null; either way it is a known key.
  const toml::node *get(llvm::StringRef key);

  /// A string that is not empty, without NUL.
  llvm::Error string(llvm::StringRef key, Located &out);
  /// The same, or an error if it is missing.
  llvm::Error required(llvm::StringRef key, Located &out);
  llvm::Error strings(llvm::StringRef key, std::vector<Located> &out);
  llvm::Error boolean(llvm::StringRef key, bool &out);
  llvm::Error integer(llvm::StringRef key, int64_t &out, int64_t min,
                      int64_t max);
  /// Finite; above `min`, and at most `max`.
  llvm::Error real(llvm::StringRef key, double &out, double min, double max);
  /// One of `names`; `out` becomes its number.
  llvm::Error choice(llvm::StringRef key, llvm::ArrayRef<llvm::StringRef> names,
                     unsigned &out, Located *place = nullptr);
  llvm::Error inner(llvm::StringRef key,
                    llvm::function_ref<llvm::Error(const toml::table &)> read);
  llvm::Error array(llvm::StringRef key, llvm::StringRef wanted,
                    llvm::function_ref<llvm::Error(const toml::node &)> read);

  /// Fails if there is a key that nobody asked for.
  llvm::Error finish();

  llvm::Error errorAt(const toml::source_region &region,
                      const llvm::Twine &what) const;
  llvm::Error wrong(const toml::node &node, llvm::StringRef key,
                    const llvm::Twine &wanted) const;
  llvm::Expected<Located> readString(const toml::node &node,
                                     llvm::StringRef key) const;
  const toml::source_region &source() const { return table.source(); }

private:
  const toml::table &table;
  llvm::StringRef fileName;
  std::vector<std::string> known;
};

} // namespace fpmoe

#endif // FPMOE_LIB_ASSEMBLY_TOMLTABLE_H
