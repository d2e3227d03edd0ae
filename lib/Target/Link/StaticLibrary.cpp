//===- StaticLibrary.cpp - a model as a static library ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two models, and other versions of the libraries that are in them, can go into
// one application because their symbols are local to one object file.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Link/StaticLibrary.h"
#include "lib/Target/Link/Link.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

/// What the object takes from libc must not become its own function.
static Error checkUndefined(const object::ObjectFile &file,
                            const StringMap<StringRef> &names, StringRef prefix,
                            StringRef name) {
  for (const object::SymbolRef &symbol : file.symbols()) {
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    Expected<StringRef> called = symbol.getName();
    if (!called)
      return called.takeError();
    if (!(*flags & object::SymbolRef::SF_Undefined))
      continue;
    auto made = names.find(*called);
    if (made != names.end())
      return createStringError(name + ": with the prefix '" + prefix + "', " +
                               made->second + " would be " + *called +
                               ", which the library itself needs of libc; "
                               "choose another --symbol-prefix");
  }
  return Error::success();
}

Expected<std::string>
fpmoe::makeStaticLibrary(StringRef object, StringRef prefix, StringRef name) {
  objcopy::ConfigManager config;
  StringMap<StringRef> names;
  for (StringRef function : getLibraryFunctions()) {
    StringRef rest = function;
    rest.consume_front("fpmoe_");
    auto made = names.try_emplace((prefix + rest).str(), function).first;
    config.Common.SymbolsToRename[function] = made->first();
    if (Error error = config.Common.SymbolsToKeepGlobal.addMatcher(
            objcopy::NameOrPattern::create(function,
                                           objcopy::MatchStyle::Literal,
                                           [](Error error) { return error; })))
      return std::move(error);
  }

  Expected<std::unique_ptr<object::ObjectFile>> file =
      object::ObjectFile::createELFObjectFile(MemoryBufferRef(object, name));
  if (!file)
    return file.takeError();
  if (Error error = checkUndefined(**file, names, prefix, name))
    return std::move(error);
  SmallVector<char, 0> own;
  raw_svector_ostream stream(own);
  if (Error error = objcopy::executeObjcopyOnBinary(config, **file, stream))
    return std::move(error);

  // Members of two libraries can be extracted into one folder.
  std::string member = (prefix + "model.o").str();
  NewArchiveMember members[] = {NewArchiveMember(
      MemoryBufferRef(StringRef(own.data(), own.size()), member))};
  Expected<std::unique_ptr<MemoryBuffer>> archive = writeArchiveToBuffer(
      members, SymtabWritingMode::NormalSymtab, object::Archive::K_GNU,
      /*Deterministic=*/true, /*Thin=*/false);
  if (!archive)
    return archive.takeError();
  return (*archive)->getBuffer().str();
}
