// RUN: fpmoe-opt %s -split-input-file -verify-diagnostics

// One case at least for each numbered constraint, named in front of it.

// expected-error@+1 {{'fpmoe.model' has 'ranks' that are no power of two up to 64}}
module attributes {fpmoe.model = {name = "m", architecture = "a", source = "s",
                                  context = 1, ranks = 3 : i64}} {}

// -----

// expected-error@+1 {{'fpmoe.model' has 'ranks' that are no power of two up to 64}}
module attributes {fpmoe.model = {name = "m", architecture = "a", source = "s",
                                  context = 1, ranks = 128 : i64}} {}

// -----

// expected-error@+1 {{'fpmoe.model' has 'ranks' that are no power of two up to 64}}
module attributes {fpmoe.model = {name = "m", architecture = "a", source = "s",
                                  context = 1, ranks = 0 : i64}} {}

// -----

// expected-error@+1 {{'fpmoe.model' has 'ranks' that are no power of two up to 64}}
module attributes {fpmoe.model = {name = "m", architecture = "a", source = "s",
                                  context = 1, ranks = "two"}} {}

// -----

// expected-error@+1 {{'fpmoe.model' has 'sampling' in which "min_p" is 1 : i64}}
module attributes {fpmoe.model = {name = "m", architecture = "a", source = "s",
                                  context = 1, sampling = {min_p = 1 : i64}}} {}

// -----

// expected-error@+1 {{'fpmoe.model' has 'sampling' in which "typical_p" is}}
module attributes {fpmoe.model = {name = "m", architecture = "a", source = "s",
                                  context = 1, sampling = {typical_p = 0.5}}} {}

// -----

// expected-error@+1 {{'fpmoe.model' has 'sampling' in which "sequence_bias" is}}
module attributes {fpmoe.model = {
    name = "m", architecture = "a", source = "s", context = 1,
    sampling = {sequence_bias = [{tokens = array<i32>, bias = 1.0}]}}} {}

// -----

// weight_c1
// expected-error@+1 {{must take one index with layers and nothing without (weight_c1)}}
fpmoe.weight @w layers [0, 1] : tensor<8xf32> {
  %0 = fpmoe.load "w" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// -----

// weight_c1
// expected-error@+1 {{must take one index with layers and nothing without (weight_c1)}}
fpmoe.weight @w : tensor<8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "w.{}"[%layer] : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// -----

// weight_c2
// expected-error@+1 {{is of type 'tensor<8xf32>', its recipe yields 'tensor<4xf32>' (weight_c2)}}
fpmoe.weight @w : tensor<8xf32> {
  %0 = fpmoe.load "w" : tensor<4xf32>
  fpmoe.yield %0 : tensor<4xf32>
}

// -----

// weight_c2
// expected-error@+1 {{is of type 'tensor<8xf32>', its recipe yields 'none' (weight_c2)}}
fpmoe.weight @w : tensor<8xf32> {
}

// -----

// weight_c3
// expected-error@+1 {{names layer 1 after layer 2 (weight_c3)}}
fpmoe.weight @w layers [2, 1] : tensor<8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "w.{}"[%layer] : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// -----

// weight_c3
// expected-error@+1 {{names layer -1 after layer -1 (weight_c3)}}
fpmoe.weight @w layers [-1] : tensor<8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "w.{}"[%layer] : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// -----

// weight_c4: of unknown size
// expected-error@+1 {{attribute 'type' failed to satisfy constraint: type attribute of tensor of static shape}}
fpmoe.weight @w : tensor<?xf32> {
  %0 = fpmoe.load "w" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// -----

// weight_c4: empty
// expected-error@+1 {{attribute 'type' failed to satisfy constraint: type attribute of tensor of static shape}}
fpmoe.weight @w : tensor<0x8xf32> {
  %0 = fpmoe.load "w" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// -----

// weight_c4: 2^64 elements
// expected-error@+1 {{attribute 'type' failed to satisfy constraint: type attribute of tensor of static shape}}
fpmoe.weight @w : tensor<4294967296x4294967296xf32> {
  %0 = fpmoe.load "w" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// -----

// weight_c5
// expected-error@+1 {{has an offset or a stride alone (weight_c5)}}
fpmoe.weight @w at 64 : tensor<8xf32> {
  %0 = fpmoe.load "w" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// -----

// weight_c5
// expected-error@+1 {{stands at 32 with stride 64, both must be multiples of 64 (weight_c5)}}
fpmoe.weight @w at 32 stride 64 : tensor<8xf32> {
  %0 = fpmoe.load "w" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// -----

// weight_c5
// expected-error@+1 {{stands at -64 with stride 64, both must be multiples of 64 (weight_c5)}}
fpmoe.weight @w at -64 stride 64 : tensor<8xf32> {
  %0 = fpmoe.load "w" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// -----

// weight_c5
// expected-error@+1 {{needs 68 bytes, its stride is 64 (weight_c5)}}
fpmoe.weight @w at 0 stride 64 : tensor<17xf32> {
  %0 = fpmoe.load "w" : tensor<17xf32>
  fpmoe.yield %0 : tensor<17xf32>
}

// -----

// weight_c6
fpmoe.weight @w : tensor<8x64x!fpmoe.int8> {
  // expected-error@+1 {{makes 'tensor<8x64x!fpmoe.int8>'; integers are made by fpmoe.convert (weight_c6)}}
  %0 = fpmoe.load "w" : tensor<8x64x!fpmoe.int8>
  fpmoe.yield %0 : tensor<8x64x!fpmoe.int8>
}

// -----

// load_c1
fpmoe.weight @w layers [0] : tensor<8xf32> {
^bb0(%layer: index):
  // expected-error@+1 {{has 0 '{}' in its name with a layer (load_c1)}}
  %0 = fpmoe.load "w"[%layer] : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// -----

// load_c1
fpmoe.weight @w : tensor<8xf32> {
  // expected-error@+1 {{has 1 '{}' in its name without a layer (load_c1)}}
  %0 = fpmoe.load "w.{}" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// -----

// load_c2
fpmoe.weight @w : tensor<8xf32> {
  // expected-error@+1 {{starts at -1 (load_c2)}}
  %0 = fpmoe.load "w" at [2, -1] : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// -----

// random_c1
fpmoe.weight @w layers [0] : tensor<8xf32> {
^bb0(%layer: index):
  // expected-error@+1 {{has 2 '{}' in its name with a layer (random_c1)}}
  %0 = fpmoe.random "{}.{}"[%layer] seed 1 mean 0.0 stddev 1.0 : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}

// -----

// rope_table_c1
fpmoe.weight @w : tensor<8x3xf32> {
  // expected-error@+1 {{needs two dimensions, the second one even (rope_table_c1)}}
  %0 = fpmoe.rope_table theta 1.0e4 : tensor<8x3xf32>
  fpmoe.yield %0 : tensor<8x3xf32>
}

// -----

// rope_table_c2
fpmoe.weight @w : tensor<8x4xf32> {
  // expected-error@+1 {{theta must be positive (rope_table_c2)}}
  %0 = fpmoe.rope_table theta -1.0 : tensor<8x4xf32>
  fpmoe.yield %0 : tensor<8x4xf32>
}

// -----

// rope_table_c3
fpmoe.weight @w : tensor<8x4xf32> {
  // expected-error@+1 {{has 3 factors for 2 frequencies (rope_table_c3)}}
  %0 = fpmoe.rope_table theta 1.0e4 scaling(#fpmoe.rope_factors<factors = [1.0, 2.0, 4.0]>) : tensor<8x4xf32>
  fpmoe.yield %0 : tensor<8x4xf32>
}

// -----

// stack_c1
fpmoe.weight @w : tensor<2x4xf32> {
  %0 = fpmoe.load "a" : tensor<4xf32>
  %1 = fpmoe.load "b" : tensor<5xf32>
  // expected-error@+1 {{stacks 'tensor<4xf32>' and 'tensor<5xf32>' (stack_c1)}}
  %2 = fpmoe.stack %0, %1 : tensor<4xf32>, tensor<5xf32> -> tensor<2x4xf32>
  fpmoe.yield %2 : tensor<2x4xf32>
}

// -----

// stack_c1
fpmoe.weight @w : tensor<3x4xf32> {
  %0 = fpmoe.load "a" : tensor<4xf32>
  // expected-error@+1 {{of 2 times 'tensor<4xf32>' gives 'tensor<3x4xf32>' (stack_c1)}}
  %1 = fpmoe.stack %0, %0 : tensor<4xf32>, tensor<4xf32> -> tensor<3x4xf32>
  fpmoe.yield %1 : tensor<3x4xf32>
}

// -----

// stack_c1
fpmoe.weight @w : tensor<1x4xf32> {
  // expected-error@+1 {{has no operand (stack_c1)}}
  %0 = "fpmoe.stack"() : () -> tensor<1x4xf32>
  fpmoe.yield %0 : tensor<1x4xf32>
}

// -----

// concat_c1
fpmoe.weight @w : tensor<8x4xf32> {
  %0 = fpmoe.load "a" : tensor<4x4xf32>
  %1 = fpmoe.load "b" : tensor<4x5xf32>
  // expected-error@+1 {{joins 'tensor<4x5xf32>' to 'tensor<8x4xf32>' (concat_c1)}}
  %2 = fpmoe.concat %0, %1 : tensor<4x4xf32>, tensor<4x5xf32> -> tensor<8x4xf32>
  fpmoe.yield %2 : tensor<8x4xf32>
}

// -----

// concat_c1
fpmoe.weight @w : tensor<9x4xf32> {
  %0 = fpmoe.load "a" : tensor<4x4xf32>
  // expected-error@+1 {{has 8 rows, its result 9 (concat_c1)}}
  %1 = fpmoe.concat %0, %0 : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<9x4xf32>
  fpmoe.yield %1 : tensor<9x4xf32>
}

// -----

// concat_c1
fpmoe.weight @w : tensor<1x4xf32> {
  // expected-error@+1 {{has no operand (concat_c1)}}
  %0 = "fpmoe.concat"() : () -> tensor<1x4xf32>
  fpmoe.yield %0 : tensor<1x4xf32>
}

// -----

// slice_c1
fpmoe.weight @w : tensor<4x6xf32> {
  %0 = fpmoe.load "a" : tensor<8x6xf32>
  // expected-error@+1 {{takes 4 rows from row 5 of only 8 (slice_c1)}}
  %1 = fpmoe.slice %0 from 5 : tensor<8x6xf32> -> tensor<4x6xf32>
  fpmoe.yield %1 : tensor<4x6xf32>
}

// -----

// slice_c1
fpmoe.weight @w : tensor<4x5xf32> {
  %0 = fpmoe.load "a" : tensor<8x6xf32>
  // expected-error@+1 {{changes 'tensor<8x6xf32>' to 'tensor<4x5xf32>' (slice_c1)}}
  %1 = fpmoe.slice %0 from 0 : tensor<8x6xf32> -> tensor<4x5xf32>
  fpmoe.yield %1 : tensor<4x5xf32>
}

// -----

// slice_c1
fpmoe.weight @w : tensor<4xf32> {
  %0 = fpmoe.load "a" : tensor<8xf32>
  // expected-error@+1 {{needs at least two dimensions, as many in as out (slice_c1)}}
  %1 = fpmoe.slice %0 from 0 : tensor<8xf32> -> tensor<4xf32>
  fpmoe.yield %1 : tensor<4xf32>
}

// -----

// split_rows_c1
fpmoe.weight @w : tensor<5x6xf32> {
  %0 = fpmoe.load "a" : tensor<10x6xf32>
  // expected-error@+1 {{makes 'tensor<5x6xf32>' of 'tensor<10x6xf32>' by sections [8, 3] and parts [4, 1] of dimension 0 (split_rows_c1)}}
  %1 = fpmoe.split_rows %0 dim 0 sections [8, 3] parts [4, 1] : tensor<10x6xf32> -> tensor<5x6xf32>
  fpmoe.yield %1 : tensor<5x6xf32>
}

// -----

// split_rows_c1
fpmoe.weight @w : tensor<5x6xf32> {
  %0 = fpmoe.load "a" : tensor<10x6xf32>
  // expected-error@+1 {{makes 'tensor<5x6xf32>' of 'tensor<10x6xf32>' by sections [8, 2] and parts [4, 2] of dimension 0 (split_rows_c1)}}
  %1 = fpmoe.split_rows %0 dim 0 sections [8, 2] parts [4, 2] : tensor<10x6xf32> -> tensor<5x6xf32>
  fpmoe.yield %1 : tensor<5x6xf32>
}

// -----

// split_rows_c1
fpmoe.weight @w : tensor<5x6xf32> {
  %0 = fpmoe.load "a" : tensor<10x6xf32>
  // expected-error@+1 {{makes 'tensor<5x6xf32>' of 'tensor<10x6xf32>' by sections [10] and parts [4, 1] of dimension 0 (split_rows_c1)}}
  %1 = fpmoe.split_rows %0 dim 0 sections [10] parts [4, 1] : tensor<10x6xf32> -> tensor<5x6xf32>
  fpmoe.yield %1 : tensor<5x6xf32>
}

// -----

// split_rows_c1
fpmoe.weight @w : tensor<5x6xf32> {
  %0 = fpmoe.load "a" : tensor<10x6xf32>
  // expected-error@+1 {{makes 'tensor<5x6xf32>' of 'tensor<10x6xf32>' by sections [10, 0] and parts [5, 0] of dimension 0 (split_rows_c1)}}
  %1 = fpmoe.split_rows %0 dim 0 sections [10, 0] parts [5, 0] : tensor<10x6xf32> -> tensor<5x6xf32>
  fpmoe.yield %1 : tensor<5x6xf32>
}

// -----

// split_rows_c1
fpmoe.weight @w : tensor<10x3xf32> {
  %0 = fpmoe.load "a" : tensor<10x6xf32>
  // expected-error@+1 {{makes 'tensor<10x3xf32>' of 'tensor<10x6xf32>' by sections [6] and parts [3] of dimension 1 (split_rows_c1)}}
  %1 = fpmoe.split_rows %0 dim 1 sections [6] parts [3] : tensor<10x6xf32> -> tensor<10x3xf32>
  fpmoe.yield %1 : tensor<10x3xf32>
}

// -----

// split_rows_c1
fpmoe.weight @w : tensor<5x7xf32> {
  %0 = fpmoe.load "a" : tensor<10x6xf32>
  // expected-error@+1 {{makes 'tensor<5x7xf32>' of 'tensor<10x6xf32>' by sections [10] and parts [5] of dimension 0 (split_rows_c1)}}
  %1 = fpmoe.split_rows %0 dim 0 sections [10] parts [5] : tensor<10x6xf32> -> tensor<5x7xf32>
  fpmoe.yield %1 : tensor<5x7xf32>
}

// -----

// split_rows_c1
fpmoe.weight @w : tensor<5x6xbf16> {
  %0 = fpmoe.load "a" : tensor<10x6xf32>
  // expected-error@+1 {{makes 'tensor<5x6xbf16>' of 'tensor<10x6xf32>' by sections [10] and parts [5] of dimension 0 (split_rows_c1)}}
  %1 = fpmoe.split_rows %0 dim 0 sections [10] parts [5] : tensor<10x6xf32> -> tensor<5x6xbf16>
  fpmoe.yield %1 : tensor<5x6xbf16>
}

// -----

// split_columns_c1
fpmoe.weight @w : tensor<6x32xf32> {
  %0 = fpmoe.load "a" : tensor<6x64xf32>
  // expected-error@+1 {{makes 'tensor<6x32xf32>' of 'tensor<6x64xf32>' with a tail of 0 (split_columns_c1)}}
  %1 = fpmoe.split_columns %0 : tensor<6x64xf32> -> tensor<6x32xf32>
  fpmoe.yield %1 : tensor<6x32xf32>
}

// -----

// split_columns_c1
fpmoe.weight @w : tensor<2x5x16xf32> {
  %0 = fpmoe.load "a" : tensor<6x64xf32>
  // expected-error@+1 {{makes 'tensor<2x5x16xf32>' of 'tensor<6x64xf32>' with a tail of 0 (split_columns_c1)}}
  %1 = fpmoe.split_columns %0 : tensor<6x64xf32> -> tensor<2x5x16xf32>
  fpmoe.yield %1 : tensor<2x5x16xf32>
}

// -----

// split_columns_c1
fpmoe.weight @w : tensor<2x6x16xbf16> {
  %0 = fpmoe.load "a" : tensor<6x64xf32>
  // expected-error@+1 {{makes 'tensor<2x6x16xbf16>' of 'tensor<6x64xf32>' with a tail of 0 (split_columns_c1)}}
  %1 = fpmoe.split_columns %0 : tensor<6x64xf32> -> tensor<2x6x16xbf16>
  fpmoe.yield %1 : tensor<2x6x16xbf16>
}

// -----

// split_columns_c1: nothing is in front of the tail
fpmoe.weight @w : tensor<2x6x3xf32> {
  %0 = fpmoe.load "a" : tensor<6x64xf32>
  // expected-error@+1 {{makes 'tensor<2x6x3xf32>' of 'tensor<6x64xf32>' with a tail of 3 (split_columns_c1)}}
  %1 = fpmoe.split_columns %0 tail 3 : tensor<6x64xf32> -> tensor<2x6x3xf32>
  fpmoe.yield %1 : tensor<2x6x3xf32>
}

// -----

// split_columns_c1
fpmoe.weight @w : tensor<2x6x16xf32> {
  %0 = fpmoe.load "a" : tensor<6x64xf32>
  // expected-error@+1 {{makes 'tensor<2x6x16xf32>' of 'tensor<6x64xf32>' with a tail of -1 (split_columns_c1)}}
  %1 = fpmoe.split_columns %0 tail -1 : tensor<6x64xf32> -> tensor<2x6x16xf32>
  fpmoe.yield %1 : tensor<2x6x16xf32>
}

// -----

// split_rows_c2
fpmoe.weight @w : tensor<5x64x!fpmoe.int8> {
  %0 = fpmoe.load "a" : tensor<10x64xf32>
  %g = fpmoe.convert %0 : tensor<10x64xf32> -> tensor<10x64x!fpmoe.int8>
  // expected-error@+1 {{splits 'tensor<10x64x!fpmoe.int8>', whose groups are made of what was split (split_rows_c2)}}
  %1 = fpmoe.split_rows %g dim 0 sections [10] parts [5] : tensor<10x64x!fpmoe.int8> -> tensor<5x64x!fpmoe.int8>
  fpmoe.yield %1 : tensor<5x64x!fpmoe.int8>
}

// -----

// split_columns_c2
fpmoe.weight @w : tensor<2x10x32x!fpmoe.int8> {
  %0 = fpmoe.load "a" : tensor<10x64xf32>
  %g = fpmoe.convert %0 : tensor<10x64xf32> -> tensor<10x64x!fpmoe.int8>
  // expected-error@+1 {{splits 'tensor<10x64x!fpmoe.int8>', whose groups are made of what was split (split_columns_c2)}}
  %1 = fpmoe.split_columns %g : tensor<10x64x!fpmoe.int8> -> tensor<2x10x32x!fpmoe.int8>
  fpmoe.yield %1 : tensor<2x10x32x!fpmoe.int8>
}

// -----

// select_c1
fpmoe.weight @w : tensor<1x6xf32> {
  %0 = fpmoe.load "a" : tensor<3x6xf32>
  // expected-error@+1 {{selects entry 3 of only 3 (select_c1)}}
  %1 = fpmoe.select %0[3] : tensor<3x6xf32> -> tensor<1x6xf32>
  fpmoe.yield %1 : tensor<1x6xf32>
}

// -----

// select_c1
fpmoe.weight @w : tensor<2x6xf32> {
  %0 = fpmoe.load "a" : tensor<3x6xf32>
  // expected-error@+1 {{selects 1 entries into 'tensor<2x6xf32>' (select_c1)}}
  %1 = fpmoe.select %0[0] : tensor<3x6xf32> -> tensor<2x6xf32>
  fpmoe.yield %1 : tensor<2x6xf32>
}

// -----

// select_c1
fpmoe.weight @w : tensor<1x5xf32> {
  %0 = fpmoe.load "a" : tensor<3x6xf32>
  // expected-error@+1 {{changes 'tensor<3x6xf32>' to 'tensor<1x5xf32>' (select_c1)}}
  %1 = fpmoe.select %0[0] : tensor<3x6xf32> -> tensor<1x5xf32>
  fpmoe.yield %1 : tensor<1x5xf32>
}

// -----

// reshape_c1
fpmoe.weight @w : tensor<3x6xf32> {
  %0 = fpmoe.load "a" : tensor<16xf32>
  // expected-error@+1 {{makes 18 elements of 16 (reshape_c1)}}
  %1 = fpmoe.reshape %0 : tensor<16xf32> -> tensor<3x6xf32>
  fpmoe.yield %1 : tensor<3x6xf32>
}

// -----

// convert_c1
fpmoe.weight @w : tensor<4x2xbf16> {
  %0 = fpmoe.load "a" : tensor<8xf32>
  // expected-error@+1 {{changes 'tensor<8xf32>' to 'tensor<4x2xbf16>' (convert_c1)}}
  %1 = fpmoe.convert %0 : tensor<8xf32> -> tensor<4x2xbf16>
  fpmoe.yield %1 : tensor<4x2xbf16>
}

// -----

// convert_c2
fpmoe.weight @w : tensor<4x64x!fpmoe.int4> {
  %0 = fpmoe.load "a" : tensor<4x64xf32>
  // expected-error@+1 {{has a tail of 64 of 'tensor<4x64x!fpmoe.int4>' (convert_c2)}}
  %1 = fpmoe.convert %0 tail 64 : tensor<4x64xf32> -> tensor<4x64x!fpmoe.int4>
  fpmoe.yield %1 : tensor<4x64x!fpmoe.int4>
}

// -----

// convert_c3: rounded twice
fpmoe.weight @w : tensor<4x64x!fpmoe.int4> {
  %0 = fpmoe.load "a" : tensor<4x64xf32>
  %1 = fpmoe.convert %0 : tensor<4x64xf32> -> tensor<4x64x!fpmoe.int8>
  // expected-error@+1 {{integers are made once, of rows, and a tail is theirs (convert_c3)}}
  %2 = fpmoe.convert %1 : tensor<4x64x!fpmoe.int8> -> tensor<4x64x!fpmoe.int4>
  fpmoe.yield %2 : tensor<4x64x!fpmoe.int4>
}

// -----

// convert_c3
fpmoe.weight @w : tensor<4x64xbf16> {
  %0 = fpmoe.load "a" : tensor<4x64xf32>
  // expected-error@+1 {{integers are made once, of rows, and a tail is theirs (convert_c3)}}
  %1 = fpmoe.convert %0 tail 3 : tensor<4x64xf32> -> tensor<4x64xbf16>
  fpmoe.yield %1 : tensor<4x64xbf16>
}

// -----

// append_rows_c1
fpmoe.weight @w : tensor<64x8xf32> {
  %0 = fpmoe.load "a" : tensor<20x8xf32>
  // expected-error@+1 {{of 'tensor<20x8xf32>' has 40 rows, its result is 'tensor<64x8xf32>' (append_rows_c1)}}
  %1 = fpmoe.append_rows %0, %0 : tensor<20x8xf32> -> tensor<64x8xf32>
  fpmoe.yield %1 : tensor<64x8xf32>
}

// -----

// append_rows_c1
fpmoe.weight @w : tensor<6x20x8xf32> {
  %0 = fpmoe.load "a" : tensor<3x20x8xf32>
  // expected-error@+1 {{of 'tensor<3x20x8xf32>' has 40 rows, its result is 'tensor<6x20x8xf32>' (append_rows_c1)}}
  %1 = fpmoe.append_rows %0, %0 : tensor<3x20x8xf32> -> tensor<6x20x8xf32>
  fpmoe.yield %1 : tensor<6x20x8xf32>
}

// -----

// append_rows_c1
fpmoe.weight @w : tensor<32xf32> {
  %0 = fpmoe.load "a" : tensor<16xf32>
  // expected-error@+1 {{needs at least two dimensions (append_rows_c1)}}
  %1 = fpmoe.append_rows %0, %0 : tensor<16xf32> -> tensor<32xf32>
  fpmoe.yield %1 : tensor<32xf32>
}

// -----

// pack_c1: nothing says how.
fpmoe.weight @w : tensor<20x8xbf16> {
  %0 = fpmoe.load "a" : tensor<20x8xbf16>
  // expected-error@+1 {{makes 'tensor<20x8xbf16>' of 'tensor<20x8xbf16>' (pack_c1)}}
  %1 = fpmoe.pack %0 : tensor<20x8xbf16> -> tensor<20x8xbf16>
  fpmoe.yield %1 : tensor<20x8xbf16>
}

// -----

// pack_c1: another shape.
fpmoe.weight @w : tensor<32x8xbf16, #mega.packed<n = 16, k = 2>> {
  %0 = fpmoe.load "a" : tensor<20x8xbf16>
  // expected-error@+1 {{makes 'tensor<32x8xbf16, #mega.packed<n = 16, k = 2>>' of 'tensor<20x8xbf16>' (pack_c1)}}
  %1 = fpmoe.pack %0 : tensor<20x8xbf16> -> tensor<32x8xbf16, #mega.packed<n = 16, k = 2>>
  fpmoe.yield %1 : tensor<32x8xbf16, #mega.packed<n = 16, k = 2>>
}

// -----

// pack_c1: another element.
fpmoe.weight @w : tensor<20x8xf32, #mega.packed<n = 16, k = 1>> {
  %0 = fpmoe.load "a" : tensor<20x8xbf16>
  // expected-error@+1 {{makes 'tensor<20x8xf32, #mega.packed<n = 16, k = 1>>' of 'tensor<20x8xbf16>' (pack_c1)}}
  %1 = fpmoe.pack %0 : tensor<20x8xbf16> -> tensor<20x8xf32, #mega.packed<n = 16, k = 1>>
  fpmoe.yield %1 : tensor<20x8xf32, #mega.packed<n = 16, k = 1>>
}

// -----

// pack_c1: what is packed already.
fpmoe.weight @w : tensor<20x8xbf16, #mega.packed<n = 16, k = 2>> {
  %0 = fpmoe.load "a" : tensor<20x8xbf16>
  %1 = fpmoe.pack %0 : tensor<20x8xbf16> -> tensor<20x8xbf16, #mega.packed<n = 16, k = 2>>
  // expected-error@+1 {{makes 'tensor<20x8xbf16, #mega.packed<n = 16, k = 2>>' of 'tensor<20x8xbf16, #mega.packed<n = 16, k = 2>>' (pack_c1)}}
  %2 = fpmoe.pack %1 : tensor<20x8xbf16, #mega.packed<n = 16, k = 2>> -> tensor<20x8xbf16, #mega.packed<n = 16, k = 2>>
  fpmoe.yield %2 : tensor<20x8xbf16, #mega.packed<n = 16, k = 2>>
}

// -----

// pack_c1: an encoding that is no packing.
fpmoe.weight @w : tensor<20x8xbf16, 1 : i64> {
  %0 = fpmoe.load "a" : tensor<20x8xbf16>
  // expected-error@+1 {{makes 'tensor<20x8xbf16, 1 : i64>' of 'tensor<20x8xbf16>' (pack_c1)}}
  %1 = fpmoe.pack %0 : tensor<20x8xbf16> -> tensor<20x8xbf16, 1 : i64>
  fpmoe.yield %1 : tensor<20x8xbf16, 1 : i64>
}

// -----

// rope_frequencies_c1
fpmoe.weight @w : tensor<2x4xf32> {
  // expected-error@+1 {{needs one dimension (rope_frequencies_c1)}}
  %0 = fpmoe.rope_frequencies theta 1.0e4 : tensor<2x4xf32>
  fpmoe.yield %0 : tensor<2x4xf32>
}

// -----

// rope_frequencies_c2
fpmoe.weight @w : tensor<4xf32> {
  // expected-error@+1 {{theta must be positive (rope_frequencies_c2)}}
  %0 = fpmoe.rope_frequencies theta 0.0 : tensor<4xf32>
  fpmoe.yield %0 : tensor<4xf32>
}

// -----

// rope_frequencies_c3
fpmoe.weight @w : tensor<4xf32> {
  // expected-error@+1 {{has 2 factors for 4 frequencies (rope_frequencies_c3)}}
  %0 = fpmoe.rope_frequencies theta 1.0e4 scaling(#fpmoe.rope_factors<factors = [1.0, 8.0]>) : tensor<4xf32>
  fpmoe.yield %0 : tensor<4xf32>
}

// -----

// get_c1
func.func @f() -> tensor<8xf32> {
  // expected-error@+1 {{'nothing' is not a weight (get_c1)}}
  %0 = fpmoe.get @nothing : tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// get_c1
fpmoe.weight @w : tensor<8xf32> {
  %0 = fpmoe.load "w" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
func.func @f() -> tensor<4xf32> {
  // expected-error@+1 {{gives 'tensor<4xf32>', weight 'w' is 'tensor<8xf32>' (get_c1)}}
  %0 = fpmoe.get @w : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// get_c2
fpmoe.weight @w : tensor<8xf32> {
  %0 = fpmoe.load "w" : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
func.func @f(%layer: index) -> tensor<8xf32> {
  // expected-error@+1 {{of 'w' takes a layer, the weight has none (get_c2)}}
  %0 = fpmoe.get @w[%layer] : tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// get_c2
fpmoe.weight @w layers [0] : tensor<8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "w.{}"[%layer] : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
func.func @f() -> tensor<8xf32> {
  // expected-error@+1 {{of 'w' takes no layer, the weight has layers (get_c2)}}
  %0 = fpmoe.get @w : tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// layers_c1
func.func private @body(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{runs body 1 of only 1 (layers_c1)}}
  %y = fpmoe.layers %x, %p bodies [@body] order [0, 1] : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// layers_c1
func.func private @body(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{never runs body @body (layers_c1)}}
  %y = fpmoe.layers %x, %p bodies [@body, @body] order [1, 1] : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// layers_c2
func.func private @body(%x: tensor<?x8xf32>, %p: tensor<?xi32>) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{body @body is not a function of type '(tensor<?x8xf32>, tensor<?xi32>, index) -> tensor<?x8xf32>' (layers_c2)}}
  %y = fpmoe.layers %x, %p bodies [@body] order [0] : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// layers_c3
fpmoe.weight @norm layers [0] : tensor<8xf32> {
^bb0(%layer: index):
  %0 = fpmoe.load "w.{}"[%layer] : tensor<8xf32>
  fpmoe.yield %0 : tensor<8xf32>
}
func.func private @body(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  %w = fpmoe.get @norm[%layer] : tensor<8xf32>
  %y = fpmoe.rms_norm %x, %w eps 1.0e-6 : tensor<?x8xf32>, tensor<8xf32>
  return %y : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{runs @body as layer 1, but weight 'norm' has no such layer (layers_c3)}}
  %y = fpmoe.layers %x, %p bodies [@body] order [0, 0] : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// layers_c4
func.func private @body(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  // expected-error@+1 {{body @body runs layers of its own (layers_c4)}}
  %y = fpmoe.layers %x, %p bodies [@body] order [0] : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// embedding_c1
func.func @f(%ids: tensor<?xi32>, %table: tensor<16x8xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{takes rows of 'tensor<16x8xf32>' as 'tensor<?x4xf32>' (embedding_c1)}}
  %x = fpmoe.embedding %ids, %table : tensor<16x8xf32> -> tensor<?x4xf32>
  return %x : tensor<?x4xf32>
}

// -----

// rms_norm_c1
func.func @f(%x: tensor<?x8xf32>, %w: tensor<3xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{normalises 8 columns with a weight of 'tensor<3xf32>', they must be whole groups (rms_norm_c1)}}
  %y = fpmoe.rms_norm %x, %w eps 1.0e-6 : tensor<?x8xf32>, tensor<3xf32>
  return %y : tensor<?x8xf32>
}

// -----

// rms_norm_c2
func.func @f(%x: tensor<?x8xf32>, %w: tensor<8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{eps is 0.000000e+00, it must be positive (rms_norm_c2)}}
  %y = fpmoe.rms_norm %x, %w eps 0.0 : tensor<?x8xf32>, tensor<8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// linear_c1
func.func @f(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{weight has shape [8, 4], it must be [4, 8] (linear_c1)}}
  %y = fpmoe.linear %x, %w : tensor<?x8xf32>, tensor<8x4xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// linear_c2
func.func @f(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %b: tensor<8xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{bias has shape [8], it must be [4] (linear_c2)}}
  %y = fpmoe.linear %x, %w bias %b : tensor<8xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// linear_c2
func.func @f(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %g: tensor<4xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{norm has shape [4], it must be [8] (linear_c2)}}
  %y = fpmoe.linear %x, %w norm %g : tensor<4xf32> eps 1.0e-6 : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// linear_c2
func.func @f(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %g: tensor<8xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{has a norm or an eps alone (linear_c2)}}
  %y = fpmoe.linear %x, %w norm %g : tensor<8xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// linear_c2
func.func @f(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{residual has shape}}
  %y = fpmoe.linear %x, %w residual %x : tensor<?x8xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// rope_c1
func.func @f(%x: tensor<?x10xf32>, %p: tensor<?xi32>, %t: tensor<64x4xf32>) -> tensor<?x10xf32> {
  // expected-error@+1 {{turns 10 columns by the table 'tensor<64x4xf32>' (rope_c1)}}
  %y = fpmoe.rope %x, %p, %t : tensor<?x10xf32>, tensor<64x4xf32>
  return %y : tensor<?x10xf32>
}

// -----

// attention_c1
func.func @f(%q: tensor<?x12xf32>, %k: tensor<?x8xf32>, %p: tensor<?xi32>, %layer: index) -> tensor<?x12xf32> {
  // expected-error@+1 {{has 3 heads for 2 key/value heads (attention_c1)}}
  %y = fpmoe.attention %q, %k, %k, %p layer %layer heads 3 kv_heads 2 scale 0.5 : tensor<?x12xf32>, tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// -----

// attention_c2
func.func @f(%q: tensor<?x12xf32>, %k: tensor<?x8xf32>, %p: tensor<?xi32>, %layer: index) -> tensor<?x12xf32> {
  // expected-error@+1 {{has 4 heads in 12 columns and 2 in 8 (attention_c2)}}
  %y = fpmoe.attention %q, %k, %k, %p layer %layer heads 4 kv_heads 2 scale 0.5 : tensor<?x12xf32>, tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// -----

// attention_c3
func.func @f(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %p: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  // expected-error@+1 {{has a window of 0 (attention_c3)}}
  %y = fpmoe.attention %q, %k, %k, %p layer %layer heads 2 kv_heads 1 scale 0.5 window 0 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// route_c1
func.func @f(%x: tensor<?x8xf32>) -> tensor<?x1xf32> {
  // expected-error@+1 {{has no router for its rule (route_c1)}}
  %w, %e = fpmoe.route %x : tensor<?x8xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true> -> tensor<?x1xf32>, tensor<?x1xi32>
  return %w : tensor<?x1xf32>
}

// -----

// route_c1
func.func @f(%x: tensor<?x8xf32>, %r: tensor<3x8xf32>) -> tensor<?x1xf32> {
  // expected-error@+1 {{has a router that its rule does not use (route_c1)}}
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %r : tensor<3x8xf32> by #fpmoe.fixed<expert = 0> -> tensor<?x1xf32>, tensor<?x1xi32>
  return %w : tensor<?x1xf32>
}

// -----

// route_c1
func.func @f(%x: tensor<?x8xf32>, %r: tensor<3x4xf32>) -> tensor<?x1xf32> {
  // expected-error@+1 {{router has shape [3, 4], it must be [3, 8] (route_c1)}}
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %r : tensor<3x4xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true> -> tensor<?x1xf32>, tensor<?x1xi32>
  return %w : tensor<?x1xf32>
}

// -----

// route_c1
func.func @f(%x: tensor<?x8xf32>, %r: tensor<f32>) -> tensor<?x1xf32> {
  // expected-error@+1 {{router has shape [], it must be [1, 8] (route_c1)}}
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %r : tensor<f32> by #fpmoe.token_choice<top_k = 1, renormalize = true> -> tensor<?x1xf32>, tensor<?x1xi32>
  return %w : tensor<?x1xf32>
}

// -----

// route_c2
func.func @f(%x: tensor<?x8xf32>, %r: tensor<3x8xf32>) -> tensor<?x1xf32> {
  // expected-error@+1 {{takes 2 experts into results of 1 and 2 columns (route_c2)}}
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %r : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 2, renormalize = true> -> tensor<?x1xf32>, tensor<?x2xi32>
  return %w : tensor<?x1xf32>
}

// -----

// route_c3
func.func @f(%x: tensor<?x8xf32>, %r: tensor<3x8xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{(route_c3) selects 4 of only 3 experts}}
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %r : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 4, renormalize = true> -> tensor<?x4xf32>, tensor<?x4xi32>
  return %w : tensor<?x4xf32>
}

// -----

// route_c3
func.func @f(%x: tensor<?x8xf32>, %r: tensor<3x8xf32>) -> tensor<?x1xf32> {
  // expected-error@+1 {{(route_c3) candidate 3 is not a row of a router with 3 rows}}
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %r : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true, candidates = [3]> -> tensor<?x1xf32>, tensor<?x1xi32>
  return %w : tensor<?x1xf32>
}

// -----

// route_c3
func.func @f(%x: tensor<?x8xf32>, %r: tensor<5x8xf32>) -> tensor<?x2xf32> {
  // expected-error@+1 {{(route_c3) candidate 5 is not a row of a router with 5 rows}}
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %r : tensor<5x8xf32> by #fpmoe.two_level<token_experts = 3, shared = 1, top_k = 1, token_share = 0.7, whole = <segment = 8, max_experts = 1, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.3, candidates = [2, 5]> -> tensor<?x2xf32>, tensor<?x2xi32>
  return %w : tensor<?x2xf32>
}

// -----

// route_c3
func.func @f(%x: tensor<?x8xf32>, %r: tensor<3x8xf32>) -> tensor<?x3xf32> {
  // expected-error@+1 {{(route_c3) has 3 token experts of 3, and a segment takes 1 of the others}}
  %w, %e = fpmoe.route %x : tensor<?x8xf32> router %r : tensor<3x8xf32> by #fpmoe.two_level<token_experts = 3, shared = 1, top_k = 1, token_share = 0.7, whole = <segment = 8, max_experts = 1, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.3> -> tensor<?x3xf32>, tensor<?x3xi32>
  return %w : tensor<?x3xf32>
}

// -----

// linear_c1
func.func @f(%x: tensor<?x8xf32>, %w: tensor<3x4x2xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{weight has shape [3, 4, 2], it must be [4, 8] (linear_c1)}}
  %y = fpmoe.linear %x, %w : tensor<?x8xf32>, tensor<3x4x2xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// linear_c1
func.func @f(%x: tensor<?x8xf32>, %w: tensor<2x4x5xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{weight has shape [2, 4, 5], it must be [2, 4, 4] (linear_c1)}}
  %y = fpmoe.linear %x, %w : tensor<?x8xf32>, tensor<2x4x5xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// linear_c3
func.func @f(%x: tensor<?x8xf32>, %w: tensor<4x11xf32>, %a: tensor<3x8xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{low_rank has shape [3, 8], it must be [4, 8] (linear_c3)}}
  %y = fpmoe.linear %x, %w low_rank %a : tensor<3x8xf32> ranks [1, 3] : tensor<?x8xf32>, tensor<4x11xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// linear_c3
func.func @f(%x: tensor<?x8xf32>, %w: tensor<4x11xf32>, %a: tensor<3x8xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{has a low rank or its ranks alone (linear_c3)}}
  %y = fpmoe.linear %x, %w low_rank %a : tensor<3x8xf32> : tensor<?x8xf32>, tensor<4x11xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// linear_c3
func.func @f(%x: tensor<?x8xf32>, %w: tensor<4x11xf32>, %a: tensor<3x8xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{has a rank of -1 (linear_c3)}}
  %y = fpmoe.linear %x, %w low_rank %a : tensor<3x8xf32> ranks [4, -1] : tensor<?x8xf32>, tensor<4x11xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// linear_c3: of two shards there are two
func.func @f(%x: tensor<?x8xf32>, %w: tensor<2x4x7xf32>, %a: tensor<3x8xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{low_rank has shape [3, 8], it must be [2, 3, 4] (linear_c3)}}
  %y = fpmoe.linear %x, %w low_rank %a : tensor<3x8xf32> ranks [1, 2] : tensor<?x8xf32>, tensor<2x4x7xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// linear_c1: each shard is widened
func.func @f(%x: tensor<?x8xf32>, %w: tensor<2x4x4xf32>, %a: tensor<2x3x4xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{weight has shape [2, 4, 4], it must be [2, 4, 7] (linear_c1)}}
  %y = fpmoe.linear %x, %w low_rank %a : tensor<2x3x4xf32> ranks [1, 2] : tensor<?x8xf32>, tensor<2x4x4xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// linear_c1
func.func @f(%x: tensor<?x8xf32>, %w: tensor<4x19xf32>, %a: tensor<3x8xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{weight has shape [4, 19], it must be [4, 11] (linear_c1)}}
  %y = fpmoe.linear %x, %w low_rank %a : tensor<3x8xf32> ranks [1, 2] : tensor<?x8xf32>, tensor<4x19xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// mlp_c2
func.func @f(%x: tensor<?x8xf32>, %g: tensor<6x10xf32>, %d: tensor<8x6xf32>, %a: tensor<2x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{low_rank has shape [2, 6], it must be [2, 8] (mlp_c2)}}
  %y = fpmoe.mlp %x, %g, %g, %d up_low_rank %a : tensor<2x6xf32> up_ranks [2] : tensor<?x8xf32>, tensor<6x10xf32>, tensor<8x6xf32>
  return %y : tensor<?x8xf32>
}

// -----

// mlp_c2
func.func @f(%x: tensor<?x8xf32>, %g: tensor<6x8xf32>, %d: tensor<8x8xf32>, %a: tensor<2x6xf32>, %s: tensor<1x8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{has a scale and a low rank (mlp_c2)}}
  %y = fpmoe.mlp %x, %g, %g, %d scaled %s : tensor<1x8xf32> down_low_rank %a : tensor<2x6xf32> down_ranks [0, 2] : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// qkv_c3
func.func @f(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<4x4x10xf32>, %t: tensor<64x4xf32>, %a: tensor<2x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{low_rank has shape [2, 6], it must be [2, 8] (qkv_c3)}}
  %q, %k, %v = fpmoe.qkv %x, %positions norm %n eps 1.0e-6 weight %w low_rank %a : tensor<2x6xf32> ranks [1, 1] rope %t : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x10xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
  return %q : tensor<?x8xf32>
}

// -----

// moe_c6
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %gu: tensor<12x10xf32>, %d: tensor<8x6xf32>, %a: tensor<2x8xf32>, %s: tensor<1x8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{has low ranks beside a scale or routed experts (moe_c6)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 shared %gu : tensor<12x10xf32>, %d : tensor<8x6xf32> scaled %s : tensor<1x8xf32> up_low_rank %a : tensor<2x8xf32> up_ranks [2] -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c6
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %gu: tensor<32x18xf32>, %d: tensor<8x6xf32>, %a: tensor<2x8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{gate_up has shape [32, 18], it must be [12, 10] (moe_c6)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 shared %gu : tensor<32x18xf32>, %d : tensor<8x6xf32> up_low_rank %a : tensor<2x8xf32> up_ranks [2] -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c6: of two shards
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %gu: tensor<12x8xf32>, %d: tensor<2x8x5xf32>, %a: tensor<2x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{low_rank has shape [2, 6], it must be [2, 2, 6] (moe_c6)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 shared %gu : tensor<12x8xf32>, %d : tensor<2x8x5xf32> down_low_rank %a : tensor<2x6xf32> down_ranks [2] -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c6: gates of one shard
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %gu: tensor<12x8xf32>, %d: tensor<2x8x8xf32>, %a: tensor<2x2x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{gate_up has shape [12, 8], it must be [24, 8] (moe_c6)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 shared %gu : tensor<12x8xf32>, %d : tensor<2x8x8xf32> down_low_rank %a : tensor<2x2x6xf32> down_ranks [2] -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c6: of two shards
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %gu: tensor<12x8xf32>, %d: tensor<2x8x3xf32>, %a: tensor<2x2x3xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{down has shape [2, 8, 3], it must be [2, 8, 5] (moe_c6)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 shared %gu : tensor<12x8xf32>, %d : tensor<2x8x3xf32> down_low_rank %a : tensor<2x2x3xf32> down_ranks [2] -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// append_columns_c1
fpmoe.weight @w : tensor<4x35xf32> {
  %0 = fpmoe.load "a" : tensor<4x20xf32>
  %1 = fpmoe.load "b" : tensor<4x3xf32>
  // expected-error@+1 {{makes 'tensor<4x35xf32>' of 'tensor<4x20xf32>' and 'tensor<4x3xf32>' (append_columns_c1)}}
  %2 = fpmoe.append_columns %0, %1 : tensor<4x20xf32>, tensor<4x3xf32> -> tensor<4x35xf32>
  fpmoe.yield %2 : tensor<4x35xf32>
}

// -----

// experts_c1
func.func @f(%x: tensor<?x8xf32>, %w: tensor<?x1xf32>, %e: tensor<?x1xi32>, %up: tensor<2x6x8xf32>, %down: tensor<3x8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{down has shape [3, 8, 6], it must be [2, 8, 6] (experts_c1)}}
  %y = fpmoe.experts %x, %w, %e, %up, %up, %down names ["haskell", "ocaml"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<2x6x8xf32>, tensor<3x8x6xf32>
  return %y : tensor<?x8xf32>
}

// -----

// experts_c1
func.func @f(%x: tensor<?x8xf32>, %w: tensor<?x1xf32>, %e: tensor<?x1xi32>, %up: tensor<6x8xf32>, %down: tensor<8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{gate has 2 dimensions, not 3 (experts_c1)}}
  %y = fpmoe.experts %x, %w, %e, %up, %up, %down names ["haskell"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<6x8xf32>, tensor<8x6xf32>
  return %y : tensor<?x8xf32>
}

// -----

// experts_c2
func.func @f(%x: tensor<?x8xf32>, %w: tensor<?x1xf32>, %e: tensor<?x1xi32>, %up: tensor<2x6x8xf32>, %down: tensor<2x8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{names 1 of 2 experts (experts_c2)}}
  %y = fpmoe.experts %x, %w, %e, %up, %up, %down names ["ocaml"] : tensor<?x8xf32>, tensor<?x1xf32>, tensor<2x6x8xf32>, tensor<2x8x6xf32>
  return %y : tensor<?x8xf32>
}

// -----

// mlp_c1
func.func @f(%x: tensor<?x8xf32>, %up: tensor<6x8xf32>, %down: tensor<6x8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{down has shape [6, 8], it must be [8, 6] (mlp_c1)}}
  %y = fpmoe.mlp %x, %up, %up, %down : tensor<?x8xf32>, tensor<6x8xf32>, tensor<6x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// mlp_c1
func.func @f(%x: tensor<?x8xf32>, %up: tensor<6x8xf32>, %down: tensor<8x6xf32>, %g: tensor<8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{scale has shape [8], it must be [1, 8] (mlp_c1)}}
  %y = fpmoe.mlp %x, %up, %up, %down scaled %g : tensor<8xf32> : tensor<?x8xf32>, tensor<6x8xf32>, tensor<8x6xf32>
  return %y : tensor<?x8xf32>
}

// -----

// qkv_c1
func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<5x4x8xf32>, %t: tensor<64x4xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{makes q of 8 and k of 4 columns with 5 heads of 4 (qkv_c1)}}
  %q, %k, %v = fpmoe.qkv %x, %p norm %n eps 1.0e-6 weight %w rope %t : tensor<?x8xf32>, tensor<8xf32>, tensor<5x4x8xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
  return %q : tensor<?x8xf32>
}

// -----

// qkv_c1
func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<4x4x8xf32>, %b: tensor<16xf32>, %t: tensor<64x4xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{bias has shape [16], it must be [4, 4] (qkv_c1)}}
  %q, %k, %v = fpmoe.qkv %x, %p norm %n eps 1.0e-6 weight %w bias %b : tensor<16xf32> rope %t : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
  return %q : tensor<?x8xf32>
}

// -----

// qkv_c1
func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<4x4x8xf32>, %t: tensor<64x2xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{table has shape [64, 2], it must be [64, 4] (qkv_c1)}}
  %q, %k, %v = fpmoe.qkv %x, %p norm %n eps 1.0e-6 weight %w rope %t : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xf32>, tensor<64x2xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
  return %q : tensor<?x8xf32>
}

// -----

// qkv_c1
func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %n: tensor<4xf32>, %w: tensor<4x4x8xf32>, %t: tensor<64x4xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{norm has shape [4], it must be [8] (qkv_c1)}}
  %q, %k, %v = fpmoe.qkv %x, %p norm %n eps 1.0e-6 weight %w rope %t : tensor<?x8xf32>, tensor<4xf32>, tensor<4x4x8xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
  return %q : tensor<?x8xf32>
}

// -----

// moe_c1
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %gu: tensor<2x12x8xf32>, %d: tensor<2x8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{needs experts, names and routing together (moe_c1)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 experts %gu : tensor<2x12x8xf32>, %d : tensor<2x8x6xf32> names ["a", "b"] -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c1
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %gu: tensor<2x12x8xf32>, %d: tensor<2x8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{has no router for its rule (moe_c1)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 by #fpmoe.token_choice<top_k = 1, renormalize = true> experts %gu : tensor<2x12x8xf32>, %d : tensor<2x8x6xf32> names ["a", "b"] -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c1
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %r: tensor<2x8xf32>, %gu: tensor<2x12x8xf32>, %d: tensor<2x8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{has a router that its rule does not use (moe_c1)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 router %r : tensor<2x8xf32> by #fpmoe.fixed<expert = 0> experts %gu : tensor<2x12x8xf32>, %d : tensor<2x8x6xf32> names ["a", "b"] -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c1
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %r: tensor<2x4xf32>, %gu: tensor<2x12x8xf32>, %d: tensor<2x8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{router has shape [2, 4], it must be [2, 8] (moe_c1)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 router %r : tensor<2x4xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true> experts %gu : tensor<2x12x8xf32>, %d : tensor<2x8x6xf32> names ["a", "b"] -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c2
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %gu: tensor<12x8xf32>, %d: tensor<2x8x4xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{gate_up has shape [12, 8], it must be [16, 8] (moe_c2)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 shared %gu : tensor<12x8xf32>, %d : tensor<2x8x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c2
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %r: tensor<3x8xf32>, %egu: tensor<3x16x8xf32>, %ed: tensor<3x2x8x4xf32>, %gu: tensor<12x8xf32>, %d: tensor<8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{has downs of other shards, 'tensor<3x2x8x4xf32>' and 'tensor<8x6xf32>' (moe_c2)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 router %r : tensor<3x8xf32> by #fpmoe.token_choice<top_k = 1, renormalize = true> experts %egu : tensor<3x16x8xf32>, %ed : tensor<3x2x8x4xf32> names ["a", "b", "c"] shared %gu : tensor<12x8xf32>, %d : tensor<8x6xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c2
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %gu: tensor<32x8xf32>, %d: tensor<8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{gate_up has shape [32, 8], it must be [12, 8] (moe_c2)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 shared %gu : tensor<32x8xf32>, %d : tensor<8x6xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c2
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %gu: tensor<2x12x8xf32>, %d: tensor<8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{gate_up and down have 3 and 2 dimensions, not 3 (moe_c2)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 by #fpmoe.fixed<expert = 0> experts %gu : tensor<2x12x8xf32>, %d : tensor<8x6xf32> names ["a", "b"] -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c2
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %gu: tensor<12x8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{has half of a shared expert (moe_c2)}}
  %y = "fpmoe.moe"(%x, %n, %gu) <{eps = 1.0e-6, operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 1, 0, 0, 0, 0>}> : (tensor<?x8xf32>, tensor<8xf32>, tensor<12x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c3
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{has no expert at all (moe_c3)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c4
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %gu: tensor<2x12x8xf32>, %d: tensor<2x8x6xf32>, %s: tensor<1x8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{scales a shared expert that is not there (moe_c4)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 by #fpmoe.fixed<expert = 0> experts %gu : tensor<2x12x8xf32>, %d : tensor<2x8x6xf32> names ["a", "b"] scaled %s : tensor<1x8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c4
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %gu: tensor<12x8xf32>, %d: tensor<8x6xf32>, %s: tensor<8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{scale has shape [8], it must be [1, 8] (moe_c4)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 shared %gu : tensor<12x8xf32>, %d : tensor<8x6xf32> scaled %s : tensor<8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c4
func.func @f(%x: tensor<?x8xf32>, %n: tensor<4xf32>, %gu: tensor<12x8xf32>, %d: tensor<8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{norm has shape [4], it must be [8] (moe_c4)}}
  %y = fpmoe.moe %x norm %n : tensor<4xf32> eps 1.0e-6 shared %gu : tensor<12x8xf32>, %d : tensor<8x6xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c5
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %gu: tensor<2x12x8xf32>, %d: tensor<2x8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{has two experts named 'a' (moe_c5)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 by #fpmoe.fixed<expert = 0> experts %gu : tensor<2x12x8xf32>, %d : tensor<2x8x6xf32> names ["a", "a"] -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c5: names may occur on both levels, but not twice on one.
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %r: tensor<4x8xf32>, %gu: tensor<4x12x8xf32>, %d: tensor<4x8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{has two experts named 'b' (moe_c5)}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 router %r : tensor<4x8xf32> by #fpmoe.two_level<token_experts = 2, shared = 1, top_k = 1, token_share = 0.7, whole = <segment = 4, max_experts = 1, capacity = 1.0>, causal = <segment = 4, top_k = 1>, segment_share = 0.3> experts %gu : tensor<4x12x8xf32>, %d : tensor<4x8x6xf32> names ["a", "b", "b", "b"] -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c5
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %r: tensor<5x8xf32>, %gu: tensor<2x12x8xf32>, %d: tensor<2x8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{(moe_c5) names 3 candidates for 2 experts}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 router %r : tensor<5x8xf32> by #fpmoe.two_level<token_experts = 3, shared = 1, top_k = 1, token_share = 0.7, whole = <segment = 8, max_experts = 2, capacity = 1.0>, causal = <segment = 8, top_k = 1>, segment_share = 0.3, candidates = [0, 2, 4]> experts %gu : tensor<2x12x8xf32>, %d : tensor<2x8x6xf32> names ["a", "b"] -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// moe_c5
func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %gu: tensor<2x12x8xf32>, %d: tensor<2x8x6xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{(moe_c5) fixed expert 2 of only 2}}
  %y = fpmoe.moe %x norm %n : tensor<8xf32> eps 1.0e-6 by #fpmoe.fixed<expert = 2> experts %gu : tensor<2x12x8xf32>, %d : tensor<2x8x6xf32> names ["a", "b"] -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// Activations have a known, bounded number of columns.
func.func @f(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  // expected-error@+1 {{operand #0 must be rows of 1 to 2^40 columns}}
  %y = fpmoe.add %x, %x : tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// -----

// expected-error@+1 {{unknown attribute 'fpmoe.modle'}}
module attributes {fpmoe.modle = {}} {
}

// -----

// expected-error@+1 {{'fpmoe.model' is a dictionary on a module}}
module attributes {fpmoe.model = 1} {
}

// -----

// expected-error@+1 {{'fpmoe.model' has no string 'source'}}
module attributes {fpmoe.model = {name = "toy", architecture = "a"}} {
}

// -----

// expected-error@+1 {{'fpmoe.model' has no positive integer 'context'}}
module attributes {fpmoe.model = {name = "toy", architecture = "a", source = ".", context = 0}} {
}

// -----

// clamp_c1
func.func @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{limit is 0.000000e+00, it must be positive (clamp_c1)}}
  %y = fpmoe.clamp %x to 0.0 : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// extend_heads_c1
func.func @f(%x: tensor<?x8xf32>, %t: tensor<?x3xf32>) -> tensor<?x16xf32> {
  // expected-error@+1 {{makes 16 columns of 2 heads in 8 columns and a tail of 3 (extend_heads_c1)}}
  %y = fpmoe.extend_heads %x, %t heads 2 : tensor<?x8xf32>, tensor<?x3xf32> -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----

// attention_c2
func.func @f(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %v: tensor<?x3xf32>, %positions: tensor<?xi32>, %layer: index) -> tensor<?x8xf32> {
  // expected-error@+1 {{makes 2 heads in 8 columns of 1 value heads in 3 (attention_c2)}}
  %y = fpmoe.attention %q, %k, %v, %positions layer %layer heads 2 kv_heads 1 scale 0.5 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x3xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// heads_c1
func.func @f(%q: tensor<?x8xf32>, %k: tensor<?x6xf32>, %v: tensor<?x4xf32>, %positions: tensor<?xi32>, %t: tensor<64x4xf32>) {
  // expected-error@+1 {{makes 2 heads of 1 in 8, 6 and 4 columns of 8, 6 and 4 (heads_c1)}}
  %a:3 = fpmoe.heads %q, %k, %v, %positions rope %t heads 2 kv_heads 1 : tensor<?x8xf32>, tensor<?x6xf32>, tensor<?x4xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x6xf32>, tensor<?x4xf32>
  return
}

// -----

// heads_c2
func.func @f(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %v: tensor<?x4xf32>, %positions: tensor<?xi32>, %t: tensor<64x4xf32>, %n: tensor<4xf32>, %w: tensor<3xf32>) {
  // expected-error@+1 {{k_norm has shape [3], it must be [4] (heads_c2)}}
  %a:3 = fpmoe.heads %q, %k, %v, %positions norms %n : tensor<4xf32>, %w : tensor<3xf32> eps 1.0e-6 rope %t heads 2 kv_heads 1 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>
  return
}

// -----

// heads_c3
func.func @f(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %v: tensor<?x4xf32>, %positions: tensor<?xi32>, %t: tensor<64x6xf32>) {
  // expected-error@+1 {{turns heads of 4 columns by the table 'tensor<64x6xf32>' (heads_c3)}}
  %a:3 = fpmoe.heads %q, %k, %v, %positions rope %t heads 2 kv_heads 1 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<64x6xf32> -> tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>
  return
}

// -----

// heads_c4: norms of heads, which a rank has whole
func.func @f(%q: tensor<?x64xf32>, %k: tensor<?x32xf32>, %v: tensor<?x32xf32>, %positions: tensor<?xi32>, %n: tensor<32xf32>, %t: tensor<64x32xf32>) {
  // expected-error@+1 {{q_norm has shape [32], it must be [64] (heads_c2)}}
  %a:3 = fpmoe.heads %q, %k, %v, %positions norms %n : tensor<32xf32>, %n : tensor<32xf32> eps 1.0e-6 rope %t heads 2 kv_heads 1 shards 2 : tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  return
}

// -----

// heads_c4: shards of 8 columns of k
func.func @f(%q: tensor<?x64xf32>, %k: tensor<?x32xf32>, %v: tensor<?x32xf32>, %positions: tensor<?xi32>, %n: tensor<64xf32>, %m: tensor<32xf32>, %t: tensor<64x32xf32>) {
  // expected-error@+1 {{of 4 shards of rows of 64 and 32 columns (heads_c4)}}
  %a:3 = fpmoe.heads %q, %k, %v, %positions norms %n : tensor<64xf32>, %m : tensor<32xf32> eps 1.0e-6 rope %t heads 2 kv_heads 1 shards 4 : tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  return
}

// -----

// heads_c4: shards without norms
func.func @f(%q: tensor<?x64xf32>, %k: tensor<?x32xf32>, %v: tensor<?x32xf32>, %positions: tensor<?xi32>, %t: tensor<64x32xf32>) {
  // expected-error@+1 {{of 2 shards of rows of 64 and 32 columns (heads_c4)}}
  %a:3 = fpmoe.heads %q, %k, %v, %positions rope %t heads 2 kv_heads 1 shards 2 : tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  return
}

// -----

// qkv_c2
func.func @f(%x: tensor<?x8xf32>, %positions: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<4x4x8xf32>, %t: tensor<64x4xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{clip is -1.000000e+00, it must be positive (qkv_c2)}}
  %q, %k, %v = fpmoe.qkv %x, %positions norm %n eps 1.0e-6 weight %w clip -1.0 rope %t : tensor<?x8xf32>, tensor<8xf32>, tensor<4x4x8xf32>, tensor<64x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
  return %v : tensor<?x4xf32>
}

// -----

// deinterleave_c1
fpmoe.weight @w : tensor<8x6xf32> {
  %0 = fpmoe.load "q" : tensor<8x6xf32>
  // expected-error@+1 {{reorders 3 of every 4 rows of 'tensor<8x6xf32>' (deinterleave_c1)}}
  %1 = fpmoe.deinterleave %0 head_dim 4 width 3 : tensor<8x6xf32>
  fpmoe.yield %1 : tensor<8x6xf32>
}

// -----

// rope_linear_c1
// expected-error@+1 {{must be positive (rope_linear_c1)}}
func.func private @f() attributes {test.scaling = #fpmoe.rope_linear<factor = 0.0>}

// -----

// rope_llama3_c1
// expected-error@+1 {{low is 4.000000e+00, it must be below high, 4.000000e+00 (rope_llama3_c1)}}
func.func private @f() attributes {test.scaling = #fpmoe.rope_llama3<factor = 8.0, low = 4.0, high = 4.0, positions = 8192>}

// -----

// rope_factors_c1
// expected-error@+1 {{must be positive (rope_factors_c1)}}
func.func private @f() attributes {test.scaling = #fpmoe.rope_factors<factors = [1.0, 0.0]>}

// -----

// rope_yarn_c1
// expected-error@+1 {{must be positive (rope_yarn_c1)}}
func.func private @f() attributes {test.scaling = #fpmoe.rope_yarn<factor = 4.0, first = 1.0, last = 2.0, magnitude = -1.0>}
