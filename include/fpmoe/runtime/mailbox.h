/*===- mailbox.h - Sums over ranks out of a kernel ----------------*- C -*-===*\
|*
|* Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#ifndef FPMOE_RUNTIME_MAILBOX_H
#define FPMOE_RUNTIME_MAILBOX_H

#include <stdint.h>

/* Where a kernel and the host meet for a sum over ranks: memory of the host
 * that the GPU reaches, too. FpmoeStep.ranks of a kernel is its address. The
 * kernel writes `numbers` and `count`, and then adds one to `sent`; the host
 * writes the sums in the place of the numbers, and then sets `done` to `sent`.
 * The numbers begin 64 bytes behind the mailbox. */
typedef struct FpmoeMailbox {
  uint64_t sent, done;
  int64_t count; /* of f32 */
  int64_t unused[5];
} FpmoeMailbox;

#endif
