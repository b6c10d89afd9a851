// Embedding, the sort of its rows, and its gradient by token and by position, against double.
#include <algorithm>
#include <numeric>

#include "reference.h"

using namespace kernel_test;

namespace {

constexpr int TILE = 64;

struct Shape {
  int batch, sequence, width, vocabulary;
};

constexpr Shape SHAPES[] = {{1, 1, 1, 1}, {2, 17, 5, 7}, {3, 43, 80, 128}, {2, 67, 770, 50}, {4, 65, 16, 70000}};

Array<int> tokens_of(const Shape& s) {
  Array<int> tokens(static_cast<size_t>(s.batch) * s.sequence);
  Random random(3);
  for (size_t i = 0; i < tokens.size(); ++i) {
    // A third of all is one token, as in text, so that it fills tiles of its own.
    tokens[i] = random.uniform() < 0.33 ? s.vocabulary / 2 : static_cast<int>(random.uniform() * s.vocabulary);
  }
  return tokens;
}

template <typename T>
void forward(const Shape& s, const ReferenceDropout& dropout, int first_position) {
  const Array<StepControl> control = step_control();
  Array<int> tokens = tokens_of(s);
  const int rows = static_cast<int>(tokens.size());
  const int vocabulary = std::min(s.vocabulary, 100);
  for (int row = 0; row < rows; ++row) {
    tokens[row] %= vocabulary;
  }
  if (rows > 5) {
    tokens[5] = vocabulary;  // invalid
    tokens[3] = -1;
  }
  const Array<T> wte = uniform<T>(static_cast<size_t>(vocabulary) * s.width, -1, 1, 1);
  const Array<T> wpe = uniform<T>(static_cast<size_t>(s.sequence + first_position) * s.width, -1, 1, 2);
  Array<T> out(static_cast<size_t>(rows) * s.width);
  launch(row_kernel<T>("embedding", s.width), dim3(ceiling(rows, 4)), dim3(128), 0, tokens, wte, wpe, out, rows,
         s.sequence, s.width, vocabulary, first_position, dropout.threshold, dropout.site, control);
  expect_close("out", out, [&](size_t i) {
    const size_t row = i / s.width;
    const size_t column = i % s.width;
    if (tokens[row] < 0 || tokens[row] >= vocabulary) {
      return static_cast<double>(NAN);
    }
    const double sum = wte.value(static_cast<size_t>(tokens[row]) * s.width + column) +
        wpe.value((first_position + row % s.sequence) * s.width + column);
    return sum * dropout.factor(control, row, s.sequence, column, s.width);
  }, ROUNDOFF<T> + 2e-7, 0);
}

/// Rows sorted by token.
struct Sorted {
  Array<int> keys, rows;
};

Sorted sort(const Array<int>& tokens, int vocabulary, int rows_per_block) {
  const int rows = static_cast<int>(tokens.size());
  const unsigned blocks = ceiling(rows, rows_per_block);
  Array<int> counts(blocks * 256);
  Sorted from{tokens.copy(), Array<int>(rows)};
  bool first = true;
  for (int shift = 0; vocabulary >> shift != 0; shift += 8) {
    Sorted to{Array<int>(rows), Array<int>(rows)};
    launch("token_histogram", dim3(blocks), dim3(256), 0, from.keys, rows, rows_per_block, shift, vocabulary, counts);
    launch("token_scatter", dim3(blocks), dim3(256), 0, from.keys, first ? nullptr : from.rows.data(), rows,
           rows_per_block, shift, vocabulary, counts, to.keys, to.rows);
    from = std::move(to);
    first = false;
  }
  return from;
}

void check_sort(Array<int> tokens, int vocabulary, int rows_per_block) {
  const Sorted sorted = sort(tokens, vocabulary, rows_per_block);
  for (size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = tokens[i] < 0 || tokens[i] > vocabulary ? vocabulary : tokens[i];
  }
  std::vector<int> expected(tokens.size());
  std::iota(expected.begin(), expected.end(), 0);
  std::stable_sort(expected.begin(), expected.end(), [&](int a, int b) { return tokens[a] < tokens[b]; });
  expect_close("rows", sorted.rows, [&](size_t i) { return expected[i]; }, 0, 0);
  expect_close("keys", sorted.keys, [&](size_t i) { return tokens[expected[i]]; }, 0, 0);
}

template <typename T>
void token_gradient(const Shape& s, Array<int> tokens, const ReferenceDropout& dropout, bool accumulate) {
  const Array<StepControl> control = step_control();
  const int rows = static_cast<int>(tokens.size());
  const Sorted sorted = sort(tokens, s.vocabulary, 256);
  const size_t count = static_cast<size_t>(s.vocabulary) * s.width;
  const Array<T> d_out = uniform<T>(static_cast<size_t>(rows) * s.width, -1, 1, 4);
  Array<float> d_wte = uniform<float>(count, -1, 1, 5);
  if (!accumulate) {
    d_wte.fill(0);
  }
  std::vector<double> expected(count);
  for (size_t i = 0; i < count; ++i) {
    expected[i] = d_wte.value(i);
  }
  for (int row = 0; row < rows; ++row) {
    for (int c = 0; c < s.width && tokens[row] >= 0 && tokens[row] < s.vocabulary; ++c) {
      expected[static_cast<size_t>(tokens[row]) * s.width + c] +=
          d_out.value(static_cast<size_t>(row) * s.width + c) * dropout.factor(control, row, s.sequence, c, s.width);
    }
  }
  const unsigned tiles = ceiling(rows, TILE);
  const int pack = 16 / sizeof(T);
  Array<float> partials(static_cast<size_t>(tiles) * s.width);
  launch(row_kernel<T>("token_gradient", s.width), dim3(tiles, ceiling(s.width, s.width % pack == 0 ? 128 * pack : 128)),
         dim3(128), 0, sorted.keys, sorted.rows, d_out, d_wte, partials, rows, s.sequence, s.width, s.vocabulary,
         accumulate ? 1 : 0, dropout.threshold, dropout.site, control);
  launch("token_gradient_join", dim3(tiles), dim3(256), 0, sorted.keys, partials, d_wte, rows, s.width, s.vocabulary);
  expect_close("d_wte", d_wte, [&](size_t i) { return expected[i]; }, 2e-6, 2e-5);
}

template <typename T>
void position_gradient(const Shape& s, const ReferenceDropout& dropout, bool accumulate) {
  const Array<StepControl> control = step_control();
  const int positions = s.sequence + 3;
  const Array<T> d_out = uniform<T>(static_cast<size_t>(s.batch) * s.sequence * s.width, -1, 1, 6);
  const Array<float> start = uniform<float>(static_cast<size_t>(positions) * s.width, -1, 1, 7);
  Array<float> d_wpe = accumulate ? start.copy() : Array<float>(start.size());
  const size_t unit = s.width % (16 / sizeof(T)) == 0 ? 16 / sizeof(T) : 1;
  launch(row_kernel<T>("position_gradient", s.width), dim3(ceiling(start.size(), unit * 128)), dim3(128), 0, d_out, d_wpe,
         s.batch, s.sequence, s.width, positions, accumulate ? 1 : 0, dropout.threshold, dropout.site, control);
  expect_close("d_wpe", d_wpe, [&](size_t i) {
    double sum = accumulate ? start.value(i) : 0;
    for (int b = 0; b < s.batch && i < static_cast<size_t>(s.sequence) * s.width; ++b) {
      const size_t row = static_cast<size_t>(b) * s.sequence + i / s.width;
      sum += d_out.value(row * s.width + i % s.width) * dropout.factor(control, row, s.sequence, i % s.width, s.width);
    }
    return sum;
  }, 2e-6, 2e-6);
}

template <typename T>
void all_gradients() {
  for (const Shape& s : SHAPES) {
    const bool accumulate = s.width % 2 == 0;
    token_gradient<T>(s, tokens_of(s), {0}, accumulate);
    token_gradient<T>(s, tokens_of(s), {20000}, !accumulate);
    position_gradient<T>(s, {0}, accumulate);
    position_gradient<T>(s, {20000}, !accumulate);
  }
}

}  // namespace

TEST(embedding_forward) {
  for (const Shape& s : SHAPES) {
    forward<float>(s, {0}, 0);
    forward<float>(s, {20000}, 3);
    forward<bf16>(s, {0}, 3);
    forward<f16>(s, {0}, 3);
    forward<bf16>(s, {20000}, 0);
    forward<f16>(s, {20000}, 0);
  }
}

TEST(embedding_sort_is_stable) {
  for (const int rows : {1, 31, 256, 257, 1500}) {
    for (const int vocabulary : {1, 255, 256, 3000, 100000}) {
      Array<int> tokens(rows);
      Random random(rows);
      for (int i = 0; i < rows; ++i) {
        tokens[i] = static_cast<int>(random.uniform() * vocabulary);
      }
      tokens[0] = -1;
      tokens[rows / 2] = vocabulary + 1;
      check_sort(tokens.copy(), vocabulary, 768);
      if (THOROUGH) {
        check_sort(tokens.copy(), vocabulary, 256);
      }
    }
  }
}

TEST(embedding_gradients_f32) { all_gradients<float>(); }
TEST(embedding_gradients_bf16) { all_gradients<bf16>(); }
TEST(embedding_gradients_f16) { all_gradients<f16>(); }

/// Runs that fill several tiles, end at a tile's end or begin at its beginning, and tokens outside the vocabulary.
TEST(embedding_gradient_of_long_runs) {
  const Shape s{5, 100, 33, 9};
  for (const int first : {64, 65, 127, 128, 200, 499, 500}) {
    Array<int> tokens(500);
    for (int i = 0; i < 500; ++i) {
      tokens[i] = i < first ? 2 : i < 490 ? 5 : i < 495 ? 9 : -3;
    }
    token_gradient<float>(s, tokens.copy(), {0}, false);
    token_gradient<float>(s, tokens.copy(), {20000}, true);
  }
}
