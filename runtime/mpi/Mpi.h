/* What the runtime asks of MPI, as a table of functions.
 *
 * A program is not linked with MPI, whose implementations differ in their
 * binary interface. It opens a library that is made of Mpi.c with the mpicc of
 * one of them and takes this table out of it:
 *
 *   mpicc -O2 -fPIC -shared -I. -o libfpmoe-mpi.so runtime/mpi/Mpi.c
 *
 * Calls come from any thread, one at a time. None waits for ever: what takes
 * longer than the timeout fails, and so do all later calls. A rank of which
 * nothing is heard is found out by the others together, so that one of them
 * says which it is: its error() is a sentence, that of the others is empty.
 *
 * Part of the fpmoe project, under the Apache License v2.0 with LLVM
 * Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef FPMOE_RUNTIME_MPI_MPI_H
#define FPMOE_RUNTIME_MPI_MPI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this table. Bump it when a field moves, is added or means something else.
 */
#define FPMOE_MPI_VERSION 2u
#define FPMOE_MPI_FUNCTION "fpmoe_mpi"

/* Functions that return an int return 0, or else there is an error(). */
typedef struct FpmoeMpi {
  uint32_t version; /* FPMOE_MPI_VERSION                                      */

  /* Starts MPI, for a process that mpirun started. `timeout` is in seconds. */
  int (*start)(double timeout);
  int32_t (*rank)(void);
  int32_t (*count)(void);
  /* Name of the machine of a rank. */
  const char *(*host)(int32_t rank);
  const char *(*error)(void);

  /* Rank 0 sends the same message to all others, which wait for it, however
   * long that takes, and then receive as many bytes as it has. wait() returns
   * -1 on an error. */
  int (*send)(const void *data, int64_t bytes);
  int64_t (*wait)(void);
  int (*receive)(void *data, int64_t bytes);

  /* Rank 0 gets as many bytes of every rank, in their order. `all` is used
   * there only. */
  int (*collect)(const void *own, int64_t bytes, void *all);

  /* As FpmoeStep.reduce. The number of ranks has to be a power of two. */
  int (*reduce)(float *numbers, int64_t count);

  /* Rank 0 gets a matrix of `columns`, of which every rank has so many from
   * rank * part_columns on, [rows, part_columns]. Those past the end are left
   * out. `all`, [rows, columns], is used there only. */
  int (*gather)(const float *part, int64_t rows, int64_t part_columns,
                float *all, int64_t columns);

  /* Ends MPI, when all ranks have called it. Where MPI itself takes too long for
   * that, the process exits with `code`, without a return. */
  int (*finish)(int code);
  /* Ends all ranks at once. */
  void (*abort)(int code);
} FpmoeMpi;

/* The only function of the library: the table, or null where it has another
 * version. */
const FpmoeMpi *fpmoe_mpi(uint32_t version);

#ifdef __cplusplus
}
#endif
#endif
