//===- CheckMpi.cpp - checks of the library for MPI -------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Is started by mpirun. Compares what comes from other ranks with what has to
// come, or measures how long that takes, or lets a rank fail.
// Usage: check-mpi LIBRARY all|speed|hang|die
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Machine.h"
#include "runtime/mpi/Mpi.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <string>
#include <thread>
#include <vector>

using namespace fpmoe;

static const FpmoeMpi *mpi;

[[noreturn]] static void fail(const char *what, long long number) {
  fprintf(stderr, "rank %d: %s of %lld is wrong: %s\n", mpi->rank(), what,
          number, mpi->error());
  mpi->abort(1);
  abort();
}

/// Numbers of a rank, of many sizes, so that the order of additions matters.
static std::vector<float> numbersOf(int32_t rank, int64_t count) {
  std::vector<float> numbers(count);
  uint64_t state = rank * 77 + count;
  for (float &number : numbers) {
    state = state * 6364136223846793005 + 1442695040888963407;
    number = (int32_t(state >> 40) - (1 << 23)) *
             (1.f / float(1 << (state >> 35 & 31)));
  }
  return numbers;
}

/// The sum over ranks [first, first + count), as the definition has it.
static float sumOf(const std::vector<std::vector<float>> &all, size_t index,
                   int32_t first, int32_t count) {
  if (count == 1)
    return all[first][index];
  float left = sumOf(all, index, first, count / 2);
  return left + sumOf(all, index, first + count / 2, count / 2);
}

static void checkReduce(int64_t count) {
  std::vector<std::vector<float>> all;
  for (int32_t rank = 0; rank < mpi->count(); ++rank)
    all.push_back(numbersOf(rank, count));
  std::vector<float> wanted(count), sum = all[mpi->rank()];
  for (int64_t i = 0; i < count; ++i)
    wanted[i] = sumOf(all, i, 0, mpi->count());
  sum.push_back(7); // is left alone
  // From another thread each time, as workers do it.
  int result = 1;
  std::thread([&] { result = mpi->reduce(sum.data(), count); }).join();
  if (result || sum[count] != 7 ||
      memcmp(sum.data(), wanted.data(), count * sizeof(float)) != 0)
    fail("a sum", count);
}

static void checkSend(int64_t bytes) {
  std::vector<uint8_t> wanted(bytes), got(bytes);
  for (int64_t i = 0; i < bytes; ++i)
    wanted[i] = static_cast<uint8_t>(i * 31 + bytes);
  bool isWrong = mpi->rank() == 0
                     ? mpi->send(wanted.data(), bytes)
                     : mpi->wait() != bytes ||
                           mpi->receive(got.data(), bytes) || got != wanted;
  if (isWrong)
    fail("a message", bytes);
}

static void checkCollect() {
  int32_t own = mpi->rank() * 3 + 1;
  std::vector<int32_t> all(mpi->count());
  if (mpi->collect(&own, sizeof(own), all.data()))
    fail("a record", own);
  for (int32_t rank = 0; mpi->rank() == 0 && rank < mpi->count(); ++rank)
    if (all[rank] != rank * 3 + 1)
      fail("a record", rank);
}

static void checkGather(int64_t rows, int64_t part, int64_t columns) {
  auto number = [&](int64_t row, int64_t column) {
    return static_cast<float>(row * 100000 + column);
  };
  std::vector<float> own(rows * part), all(rows * columns, -1.f);
  for (int64_t i = 0; i < rows * part; ++i)
    own[i] = number(i / part, mpi->rank() * part + i % part);
  if (mpi->gather(own.data(), rows, part, all.data(), columns))
    fail("a matrix", columns);
  for (int64_t i = 0; mpi->rank() == 0 && i < rows * columns; ++i)
    if (all[i] != number(i / columns, i % columns))
      fail("a matrix", i);
}

static void checkAll() {
  // On both sides of where parts are sent instead.
  for (int64_t count : {0, 1, 2, 3, 5, 2048, 8192, 8193, 8195, 100003})
    checkReduce(count);
  for (int64_t bytes : {0, 1, 100, 5000, 1000001})
    checkSend(bytes);
  checkCollect();
  int32_t ranks = mpi->count();
  checkGather(0, 4, 4 * ranks);
  checkGather(1, 150, 150 * ranks);
  checkGather(3, 7, 7 * ranks - 3); // the last has fewer
  if (ranks > 1)
    checkGather(5, 8, 8 * ranks - 12); // and the last but one
}

/// Of some, the median of the seconds that they took.
static double measureReduce(int64_t count, int times) {
  std::vector<float> numbers(count, 1.f);
  std::vector<double> taken;
  for (int i = 0; i < times; ++i) {
    double start = seconds();
    if (mpi->reduce(numbers.data(), count))
      fail("a sum", count);
    taken.push_back(seconds() - start);
    std::fill(numbers.begin(), numbers.end(), 1.f);
  }
  std::sort(taken.begin(), taken.end());
  return taken[taken.size() / 2];
}

static void measure() {
  for (int64_t count = 512; count <= 1 << 22; count *= 2) {
    double best = measureReduce(count, count > 1 << 15 ? 30 : 1000);
    if (mpi->rank() == 0)
      printf("%8lld numbers: %9.1f us, %6.2f GB/s\n",
             static_cast<long long>(count), best * 1e6, count * 4e-9 / best);
  }
}

int main(int count, char **arguments) {
  if (count != 3)
    return 2;
  void *library = dlopen(arguments[1], RTLD_NOW | RTLD_GLOBAL);
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  auto table = reinterpret_cast<decltype(&fpmoe_mpi)>(
      dlsym(library, FPMOE_MPI_FUNCTION));
  if (table(FPMOE_MPI_VERSION + 1)) {
    fprintf(stderr, "another version is taken for this one\n");
    return 1;
  }
  mpi = table(FPMOE_MPI_VERSION);
  std::string what = arguments[2];
  if (mpi->start(what == "all" || what == "speed" ? 60 : 1))
    fail("the start", 0);
  if (what == "all")
    checkAll();
  else if (what == "speed")
    measure();
  // The last rank fails, and the others wait for it.
  else if (what != "late" && mpi->rank() == mpi->count() - 1)
    raise(what == "hang" ? SIGSTOP : SIGKILL);
  else if (what != "late") {
    float number = 1;
    if (mpi->reduce(&number, 1)) {
      if (*mpi->error())
        fprintf(stderr, "error: %s\n", mpi->error());
      mpi->abort(1);
    }
  }
  if (mpi->finish(what == "late" ? 3 : 0))
    fail("the end", 0);
  if (mpi->rank() == 0 && what == "all")
    printf("all is right on %d ranks\n", mpi->count());
  return 0;
}
