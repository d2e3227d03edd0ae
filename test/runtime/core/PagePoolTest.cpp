//===- PagePoolTest.cpp - tests of who has which page ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/PagePool.h"

#include <gtest/gtest.h>

using namespace fpmoe;

static PageKey keyOf(uint64_t before, int32_t token) {
  PageKey key;
  key.before = before;
  key.tokens = {token};
  return key;
}

TEST(PagePool, givesEveryPageOnce) {
  PagePool pool(3);
  EXPECT_EQ(pool.available(), 3);
  EXPECT_EQ(pool.take(), 0);
  EXPECT_EQ(pool.take(), 1);
  EXPECT_EQ(pool.take(), 2);
  EXPECT_EQ(pool.take(), -1);
  pool.release(1);
  EXPECT_EQ(pool.available(), 1);
  EXPECT_EQ(pool.take(), 1);
}

TEST(PagePool, findsWhatWasPublished) {
  PagePool pool(2);
  int32_t page = pool.take();
  EXPECT_EQ(pool.find(keyOf(0, 7)), -1);
  uint64_t serial = pool.publish(page, keyOf(0, 7));
  EXPECT_EQ(pool.find(keyOf(0, 7)), page);
  EXPECT_EQ(pool.find(keyOf(serial, 7)), -1) << "behind another page";
  pool.release(page);
  pool.release(page);
  // Nobody has it, and still it is there.
  EXPECT_EQ(pool.available(), 2);
  EXPECT_EQ(pool.findable(), 1);
  EXPECT_EQ(pool.find(keyOf(0, 7)), page);
  EXPECT_EQ(pool.available(), 1);
}

TEST(PagePool, everyPartOfTheKeyCounts) {
  PagePool pool(1);
  PageKey key = keyOf(0, 7);
  key.owner = 3;
  key.forced = 1;
  key.languages = {2};
  pool.publish(pool.take(), key);
  for (int part = 0; part < 5; ++part) {
    PageKey other = key;
    if (part == 0)
      other.before = 9;
    if (part == 1)
      other.owner = 4;
    if (part == 2)
      other.forced = -1;
    if (part == 3)
      other.languages = {-1};
    if (part == 4)
      other.tokens = {8};
    EXPECT_EQ(pool.find(other), -1) << part;
  }
  EXPECT_EQ(pool.find(key), 0);
}

TEST(PagePool, theOldestGoesFirst) {
  PagePool pool(3);
  for (int32_t token = 0; token < 3; ++token)
    pool.publish(pool.take(), keyOf(0, token));
  pool.release(1);
  pool.release(0);
  pool.release(2);
  // What is used again is young again.
  pool.retain(1);
  pool.release(1);
  EXPECT_EQ(pool.take(), 0);
  EXPECT_EQ(pool.find(keyOf(0, 0)), -1);
  EXPECT_EQ(pool.take(), 2);
  EXPECT_EQ(pool.find(keyOf(0, 1)), 1);
}

TEST(PagePool, twoOfOneKind) {
  PagePool pool(2);
  int32_t first = pool.take(), second = pool.take();
  uint64_t serial = pool.publish(first, keyOf(0, 7));
  EXPECT_EQ(pool.publish(second, keyOf(0, 7)), serial);
  EXPECT_EQ(pool.serialOf(second), 0u);
  pool.release(second);
  EXPECT_EQ(pool.take(), second) << "it can be found under no key";
  EXPECT_EQ(pool.find(keyOf(0, 7)), first);
}

TEST(PagePool, aTakenPageIsNotFoundBehindAnother) {
  PagePool pool(2);
  int32_t first = pool.take(), second = pool.take();
  uint64_t serial = pool.publish(first, keyOf(0, 1));
  pool.publish(second, keyOf(serial, 2));
  pool.release(first);
  pool.release(second);
  EXPECT_EQ(pool.take(), first);
  // The same text again, in another page: a serial is never used twice.
  uint64_t again = pool.publish(first, keyOf(0, 1));
  EXPECT_NE(again, serial);
  EXPECT_EQ(pool.find(keyOf(again, 2)), -1);
}
