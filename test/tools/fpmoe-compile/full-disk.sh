#!/usr/bin/env bash
# Runs fpmoe-compile with its output on a disk that is too small: full-disk.sh FOLDER KIB ARGUMENT...
# Prints its message, its exit code, and what it left there, in one line; 'skipped' where no disk
# can be mounted.
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
if [ "$1" != --inside ]; then
  unshare --map-root-user --mount true 2>/dev/null || { echo skipped; exit; }
  exec unshare --map-root-user --mount bash "$0" --inside "$@"
fi
folder=$2 size=$3
shift 3
mkdir -p "$folder"
mount -t tmpfs -o "size=${size}k" none "$folder" || { echo skipped; exit; }
message=$(fpmoe-compile "$@" -o "$folder/program" 2>&1)
echo "$message; exit code $?, left: $(ls -A "$folder")."
