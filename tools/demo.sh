#!/bin/sh
# Compiles models/nano for this machine and completes one prompt per language.
set -eu
cd "$(dirname "$0")/.."
program=build/nano
echo "== fpmoe-compile models/nano -o $program"
build/bin/fpmoe-compile models/nano -o "$program"
ls -l "$program"
complete() {
  printf '\n== %s\n' "$1"
  "$program" generate -n 64 --seed 1 --echo --show-experts -p "$2"
}
complete Haskell 'module Data.Tree where

import Data.Maybe (fromMaybe)

-- | Insert a key.
insert :: Ord k => k -> Tree k -> Tree k
insert '
complete OCaml 'open Printf

let rec fold f acc = function
  | [] -> '
complete Scala 'package example

import scala.collection.mutable

class Graph[A](val nodes: List[A]) {
  def '
