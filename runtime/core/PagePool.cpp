//===- PagePool.cpp - who has which page of the cache ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A key holds the serial of the page before it, which no other page ever gets:
// pages behind one that was taken away are not found, and are taken away when
// they are the oldest.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/PagePool.h"

using namespace fpmoe;

size_t PagePool::Hash::operator()(const PageKey &key) const {
  uint64_t hash = 0;
  auto mix = [&](uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
    hash ^= hash >> 29;
  };
  mix(key.before);
  mix(key.owner);
  mix(static_cast<uint32_t>(key.forced));
  for (int32_t token : key.tokens)
    mix(static_cast<uint32_t>(token));
  for (int32_t language : key.languages)
    mix(static_cast<uint32_t>(language));
  return hash;
}

PagePool::PagePool(int64_t count) : pages(count) {
  // The first pages are taken first.
  for (int64_t page = count; page-- > 0;)
    unused.push_back(static_cast<int32_t>(page));
}

void PagePool::forget(Page &page) {
  published.erase(page.key);
  page.serial = 0;
  page.key = {};
}

int32_t PagePool::take() {
  int32_t page;
  if (!unused.empty()) {
    page = unused.back();
    unused.pop_back();
  } else if (!waiting.empty()) {
    page = waiting.front();
    waiting.pop_front();
    forget(pages[page]);
  } else {
    return -1;
  }
  pages[page].users = 1;
  return page;
}

void PagePool::retain(int32_t number) {
  Page &page = pages[number];
  if (page.users++ == 0)
    waiting.erase(page.place);
}

void PagePool::release(int32_t number) {
  Page &page = pages[number];
  if (--page.users > 0)
    return;
  if (page.serial)
    page.place = waiting.insert(waiting.end(), number);
  else
    unused.push_back(number);
}

int32_t PagePool::find(const PageKey &key) {
  auto found = published.find(key);
  if (found == published.end())
    return -1;
  retain(found->second);
  return found->second;
}

uint64_t PagePool::publish(int32_t number, PageKey key) {
  Page &page = pages[number];
  if (page.serial)
    return page.serial;
  auto [place, isNew] = published.emplace(key, number);
  if (!isNew)
    return pages[place->second].serial;
  page.serial = ++lastSerial;
  page.key = std::move(key);
  return page.serial;
}
