/* A library for --mpi that stands for the other ranks: sums take the time that
 * FPMOE_SUM_US says, in microseconds, and are those of this rank alone. So one
 * process shows what waiting costs a program that is split, and what of it does
 * something else; its texts are nonsense.
 *
 *   cc -O2 -fPIC -shared -I. -o one-rank.so test/bench/one-rank.c
 *   FPMOE_RANKS=2 FPMOE_SUM_US=100 ./coder-2 bench --mpi=./one-rank.so
 *
 * Part of the fpmoe project, under the Apache License v2.0 with LLVM
 * Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#define _GNU_SOURCE
#include "runtime/mpi/Mpi.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int32_t ranks = 2;
static double wait; /* seconds */

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int start(double timeout) {
  (void)timeout;
  if (getenv("FPMOE_RANKS"))
    ranks = atoi(getenv("FPMOE_RANKS"));
  if (getenv("FPMOE_SUM_US"))
    wait = atof(getenv("FPMOE_SUM_US")) * 1e-6;
  return 0;
}

static int32_t rank(void) { return 0; }
static int32_t count(void) { return ranks; }
static const char *host(int32_t of) { return of ? "nowhere" : "here"; }
static const char *error(void) { return ""; }

static int send(const void *data, int64_t bytes) {
  (void)data;
  (void)bytes;
  return 0;
}

static int64_t waitForMessage(void) { return -1; }

static int receive(void *data, int64_t bytes) {
  (void)data;
  (void)bytes;
  return 1;
}

static int collect(const void *own, int64_t bytes, void *all) {
  for (int32_t of = 0; of < ranks; ++of)
    memcpy((char *)all + of * bytes, own, (size_t)bytes);
  return 0;
}

static int reduce(float *numbers, int64_t number) {
  (void)numbers;
  (void)number;
  for (double end = now() + wait; now() < end;)
    ;
  return 0;
}

static int gather(const float *part, int64_t rows, int64_t partColumns,
                  float *all, int64_t columns) {
  memset(all, 0, (size_t)(rows * columns) * sizeof(float));
  for (int64_t row = 0; row < rows; ++row)
    memcpy(all + row * columns, part + row * partColumns,
           (size_t)(partColumns < columns ? partColumns : columns) *
               sizeof(float));
  return 0;
}

static int finish(int code) {
  (void)code;
  return 0;
}
static void end(int code) { _exit(code); }

const FpmoeMpi *fpmoe_mpi(uint32_t version) {
  static const FpmoeMpi table = {
      FPMOE_MPI_VERSION, start,   rank,    count,  host,   error,  send,
      waitForMessage,    receive, collect, reduce, gather, finish, end};
  return version == FPMOE_MPI_VERSION ? &table : NULL;
}
