// GELU, bias, softmax, conversions, fills and copies against double, at counts that are and are not whole packs, aligned or
// not.
#include <algorithm>

#include "reference.h"

using namespace kernel_test;

namespace {

const double ROOT = std::sqrt(2 / M_PI);

double gelu(double x) { return 0.5 * x * (1 + std::tanh(ROOT * (x + 0.044715 * x * x * x))); }

double gelu_derivative(double x) {
  const double t = std::tanh(ROOT * (x + 0.044715 * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * ROOT * (1 + 3 * 0.044715 * x * x);
}

/// Ordinary values and those where a careless formula overflows or cancels.
template <typename T>
Array<T> arguments(size_t count) {
  Array<T> x = uniform<T>(count, -6, 6, count);
  const double special[] = {0, -0.0, 1e-30, -1e-30, 9, -9, 30, -30, 88, -88, 1e4, -1e4};
  for (size_t i = 0; i < std::size(special) && 2 * i + 1 < count; ++i) {
    x.set(2 * i + 1, special[i]);
  }
  return x;
}

template <typename T>
unsigned blocks(size_t count) {
  return ceiling(count * sizeof(T), 2 * 16 * 256);
}

template <typename T>
void gelu_of(size_t count) {
  const Array<T> x = arguments<T>(count);
  Array<T> out(count);
  Array<T> both = x.copy();
  launch(std::string("gelu") + SUFFIX<T>, dim3(blocks<T>(count)), dim3(256), 0, x, out, static_cast<int64_t>(count));
  launch(std::string("gelu") + SUFFIX<T>, dim3(blocks<T>(count)), dim3(256), 0, both, both,
         static_cast<int64_t>(count));
  for (size_t i = 0; i < count; ++i) {
    const double tolerance = ROUNDOFF<T> * std::fabs(gelu(x.value(i))) + 4 * ROUNDOFF<float> * std::fabs(x.value(i)) +
                             UNDERFLOW_ROUNDOFF<T>;
    expect(close(out.value(i), gelu(x.value(i)), 0, tolerance), mismatch("gelu", i, out.value(i), gelu(x.value(i))));
  }
  expect_same("in place", both, out);
}

template <typename T>
void gelu_backward_of(size_t count) {
  const Array<T> x = arguments<T>(count);
  const Array<T> d_out = uniform<T>(count, -2, 2, 7);
  Array<T> d_x(count);
  Array<T> both = d_out.copy();
  const std::string kernel = std::string("gelu_backward") + SUFFIX<T>;
  launch(kernel, dim3(blocks<T>(count)), dim3(256), 0, x, d_out, d_x, static_cast<int64_t>(count));
  launch(kernel, dim3(blocks<T>(count)), dim3(256), 0, x, both, both, static_cast<int64_t>(count));
  expect_close("d_x", d_x, [&](size_t i) { return d_out.value(i) * gelu_derivative(x.value(i)); },
               ROUNDOFF<T> + 1e-6, 2e-6);
  expect_same("in place", both, d_x);
}

template <typename T>
void broadcast_bias_of(int rows, int columns) {
  const Array<T> bias = uniform<T>(columns, -1, 1, 2);
  const unsigned grid = ceiling(static_cast<size_t>(rows) * ceiling(columns, 16 / sizeof(T)), 256);
  Array<T> out(static_cast<size_t>(rows) * columns);
  launch(std::string("broadcast_bias") + SUFFIX<T>, dim3(grid), dim3(256), 0, bias, out, rows, columns);
  expect_close("out", out, [&](size_t i) { return bias.value(i % columns); }, 0, 0);
}

template <typename T>
void column_sums_of(int rows, int columns, int rows_per_block, bool accumulate) {
  const Array<T> x = uniform<T>(static_cast<size_t>(rows) * columns, -1, 1, 3);
  const unsigned parts = ceiling(rows, rows_per_block);
  const Array<float> start = uniform<float>(columns, -1, 1, 4);
  Array<float> partials(static_cast<size_t>(parts) * columns);
  Array<float> sums = accumulate ? start.copy() : Array<float>(columns);
  launch(std::string("column_sums") + SUFFIX<T>, dim3(ceiling(columns, 32 * 16 / sizeof(T)), parts), dim3(256), 0, x,
         partials, rows, columns, rows_per_block);
  launch("sum_partials", dim3(ceiling(columns, 32)), dim3(512), 0, partials, static_cast<int>(parts), columns, columns,
         sums, nullptr, accumulate ? 1 : 0);
  expect_close("sums", sums, [&](size_t c) {
    double sum = accumulate ? start.value(c) : 0;
    for (int row = 0; row < rows; ++row) {
      sum += x.value(static_cast<size_t>(row) * columns + c);
    }
    return sum;
  }, 1e-6, 1e-5);
}

template <typename T>
void softmax_of(int rows, int columns, unsigned threads) {
  Array<T> x = uniform<T>(static_cast<size_t>(rows) * columns, -20, 60, 5);
  for (int c = 0; c < columns && rows > 1; ++c) {
    x.set(c, c % 3 == 0 ? -INFINITY : x.value(c));               // masked here and there
    x.set(columns + c, c == columns / 2 ? x.value(c) : -INFINITY);  // all but one
  }
  if (rows > 1) {
    x.set(columns + columns / 2, -3);
  }
  Array<T> out(x.size());
  Array<T> both = x.copy();
  launch(std::string("softmax") + SUFFIX<T>, dim3(rows), dim3(threads), 0, x, out, columns);
  launch(std::string("softmax") + SUFFIX<T>, dim3(rows), dim3(threads), 0, both, both, columns);
  expect_same("in place", both, out);
  const Array<T> d_out = uniform<T>(x.size(), -1, 1, 6);
  Array<T> d_x(x.size());
  Array<T> d_both = d_out.copy();
  launch(std::string("softmax_backward") + SUFFIX<T>, dim3(rows), dim3(threads), 0, out, d_out, d_x, columns);
  launch(std::string("softmax_backward") + SUFFIX<T>, dim3(rows), dim3(threads), 0, out, d_both, d_both, columns);
  expect_same("gradient in place", d_both, d_x);
  std::vector<double> weights(x.size()), gradients(x.size());
  for (size_t at = 0; at < x.size(); at += columns) {
    double greatest = -INFINITY, sum = 0, dot = 0;
    for (int c = 0; c < columns; ++c) {
      greatest = std::max(greatest, x.value(at + c));
    }
    for (int c = 0; c < columns; ++c) {
      sum += std::exp(x.value(at + c) - greatest);
      dot += out.value(at + c) * d_out.value(at + c);
    }
    for (int c = 0; c < columns; ++c) {
      weights[at + c] = std::exp(x.value(at + c) - greatest) / sum;
      gradients[at + c] = out.value(at + c) * (d_out.value(at + c) - dot);
    }
  }
  expect_close("softmax", out, [&](size_t i) { return weights[i]; }, ROUNDOFF<T> + 1e-5, 1e-37);
  expect_close("gradient", d_x, [&](size_t i) { return gradients[i]; }, ROUNDOFF<T> + 1e-6, 1e-6);
}

}  // namespace

TEST(elementwise_gelu) {
  for (const size_t count : {1, 31, 129, 4096, 4100, 9000}) {
    gelu_of<float>(count);
    gelu_of<bf16>(count);
    gelu_of<f16>(count);
    gelu_backward_of<float>(count);
    gelu_backward_of<bf16>(count);
    gelu_backward_of<f16>(count);
  }
}

TEST(elementwise_bias) {
  for (const auto& [rows, columns] : {std::pair(1, 1), std::pair(3, 33), std::pair(13, 64), std::pair(5, 1032)}) {
    broadcast_bias_of<float>(rows, columns);
    broadcast_bias_of<bf16>(rows, columns);
    broadcast_bias_of<f16>(rows, columns);
  }
}

TEST(elementwise_column_sums) {
  for (const auto& [rows, columns] : {std::pair(1, 1), std::pair(77, 33), std::pair(300, 264), std::pair(41, 520)}) {
    for (const int rows_per_block : {8, 40, 1000}) {
      column_sums_of<float>(rows, columns, rows_per_block, rows_per_block == 40);
      column_sums_of<bf16>(rows, columns, rows_per_block, rows_per_block == 40);
      column_sums_of<f16>(rows, columns, rows_per_block, rows_per_block == 40);
    }
  }
}

TEST(elementwise_softmax) {
  for (const auto& [rows, columns] : {std::pair(1, 1), std::pair(3, 17), std::pair(5, 1003), std::pair(2, 4096)}) {
    for (const unsigned threads : {32u, 256u, 1024u}) {
      if (THOROUGH || threads < 1024) {
        softmax_of<float>(rows, columns, threads);
        softmax_of<bf16>(rows, columns, threads);
        softmax_of<f16>(rows, columns, threads);
      }
    }
  }
}

// ---- conversions ----------------------------------------------------------------------------------------------------

namespace {

double half_value(unsigned bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31);
  const double fraction = bits & 1023;
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31) {
    return fraction == 0 ? sign * INFINITY : NAN;
  }
  return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}

unsigned cast_grid(size_t count) { return ceiling(count, 8 * 256); }

}  // namespace

TEST(elementwise_cast_to_half_and_back) {
  constexpr size_t COUNT = 65536;
  Array<f16> half(COUNT);
  Array<float> wide(COUNT);
  for (size_t i = 0; i < COUNT; ++i) {
    half[i].bits = static_cast<uint16_t>(i);
  }
  launch("cast_f16_f32", dim3(cast_grid(COUNT)), dim3(256), 0, half, wide, static_cast<int64_t>(COUNT));
  expect_close("wide", wide, [](size_t i) { return half_value(static_cast<unsigned>(i)); }, 0, 0);
  // The value itself, half a place more, which goes to the even neighbour, and a little less and more than half.
  for (const int offset : {0, 0xfff, 0x1000, 0x1001}) {
    Array<float> x(COUNT);
    Array<f16> narrow(COUNT);
    for (size_t i = 0; i < COUNT; ++i) {
      const bool normal = (i & 0x7c00) != 0 && (i & 0x7c00) != 0x7c00;
      x[i] = normal ? __uint_as_float(__float_as_uint(wide[i]) + offset) : wide[i];
    }
    launch("cast_f32_f16", dim3(cast_grid(COUNT)), dim3(256), 0, x, narrow, static_cast<int64_t>(COUNT));
    for (size_t i = 0; i < COUNT; ++i) {
      const bool normal = (i & 0x7c00) != 0 && (i & 0x7c00) != 0x7c00;
      const bool up = normal && (offset > 0x1000 || (offset == 0x1000 && i % 2 == 1));
      const double expected = half_value(static_cast<unsigned>(i + (up ? 1 : 0)));
      const double actual = half_value(narrow[i].bits);
      if (!close(actual, expected, 0, 0)) {
        failed(mismatch("narrow", i, actual, expected));
        return;
      }
    }
  }
}

TEST(elementwise_cast_to_subnormal_half) {
  // Quarters of the smallest subnormal: ties go to even.
  constexpr int COUNT = 4099;
  Array<float> x(COUNT);
  Array<f16> narrow(COUNT);
  for (int i = 0; i < COUNT; ++i) {
    x[i] = static_cast<float>(std::ldexp(i, -26));
  }
  launch("cast_f32_f16", dim3(cast_grid(COUNT)), dim3(256), 0, x, narrow, int64_t{COUNT});
  for (int i = 0; i < COUNT; ++i) {
    const double expected = std::ldexp(std::nearbyint(i / 4.0), -24);
    expect(half_value(narrow[i].bits) == expected, mismatch("narrow", i, half_value(narrow[i].bits), expected));
  }
}

TEST(elementwise_cast_bf16) {
  for (const size_t count : {1, 7, 8, 2049}) {
    const Array<float> x = uniform<float>(count, -1e3, 1e3, 8);
    Array<bf16> narrow(count);
    Array<float> back(count);
    Array<f16> half(count);
    Array<bf16> through(count);
    launch("cast_f32_bf16", dim3(cast_grid(count)), dim3(256), 0, x, narrow, static_cast<int64_t>(count));
    launch("cast_bf16_f32", dim3(cast_grid(count)), dim3(256), 0, narrow, back, static_cast<int64_t>(count));
    launch("cast_bf16_f16", dim3(cast_grid(count)), dim3(256), 0, narrow, half, static_cast<int64_t>(count));
    launch("cast_f16_bf16", dim3(cast_grid(count)), dim3(256), 0, half, through, static_cast<int64_t>(count));
    expect_close("bf16", narrow, [&](size_t i) { return static_cast<double>(to_float(to_bf16(x[i]))); }, 0, 0);
    expect_close("back", back, [&](size_t i) { return narrow.value(i); }, 0, 0);
    expect_same("through f16", through, narrow);
  }
}

TEST(elementwise_fill_and_copy) {
  for (const size_t count : {1, 5, 64, 4099, 5000}) {
    Array<float> x(count);
    launch("fill_32", dim3(blocks<float>(count)), dim3(256), 0, x, __float_as_uint(-2.25f), static_cast<int64_t>(count));
    expect_close("fill_32", x, [](size_t) { return -2.25; }, 0, 0);
    Array<bf16> y(count);
    launch("fill_16", dim3(blocks<bf16>(count)), dim3(256), 0, y, 0xffff3fc0u, static_cast<int64_t>(count));
    expect_close("fill_16", y, [](size_t) { return 1.5; }, 0, 0);
    const Array<bf16> from = uniform<bf16>(count, -1, 1, 9);
    Array<bf16> to(count);
    launch("copy_bytes", dim3(blocks<bf16>(count)), dim3(256), 0, from, to, static_cast<int64_t>(2 * count));
    expect_same("copy", to, from);
    // From the second element on: nothing is aligned.
    Array<bf16> shifted(count);
    shifted[0] = from[0];
    launch("copy_bytes", dim3(blocks<bf16>(count)), dim3(256), 0, from.data() + 1, shifted.data() + 1,
           static_cast<int64_t>(2 * (count - 1)));
    expect_same("unaligned copy", shifted, from);
  }
}
