// Attention over a cache against double precision: prompts and single positions, fast and plain kernel, rest of the cache NaN.
#include "attention_reference.h"

using namespace attention_test;

namespace {

template <typename T>
void check(int batch, int old, int fresh, int heads, int head_size, bool plain) {
  constexpr Roundings eps = ROUNDINGS<T>;
  const std::string suffix = SUFFIX<T>;
  const Problem p{batch, old + fresh, heads, head_size};
  const int c = p.width();
  const int capacity = old + fresh + 3;
  const auto all = uniform<T>(3 * p.rows() * c, -1.7, 1.7, old);
  const auto d_out = uniform<T>(p.rows() * c, 0, 0);
  const Reference expected(p, all, p.first_visible(), d_out, eps);

  Array<T> qkv(static_cast<size_t>(batch) * fresh * 3 * c);
  Array<T> keys(static_cast<size_t>(batch) * heads * capacity * head_size);
  Array<T> values(keys.size());
  Array<T> expected_keys(keys.size());
  Array<T> expected_values(keys.size());
  Array<T> out(static_cast<size_t>(batch) * fresh * c);
  Expected expected_out(out.size());
  for (int b = 0; b < batch; b++) {
    for (int t = 0; t < old + fresh; t++) {
      const size_t row = static_cast<size_t>(b) * p.sequence + t;
      for (int x = 0; x < c; x++) {
        const size_t at = ((static_cast<size_t>(b) * heads + x / head_size) * capacity + t) * head_size + x % head_size;
        expected_keys[at] = all[row * 3 * c + c + x];
        expected_values[at] = all[row * 3 * c + 2 * c + x];
        if (t < old) {
          keys[at] = expected_keys[at];
          values[at] = expected_values[at];
        } else {
          const size_t to = static_cast<size_t>(b) * fresh + t - old;
          for (int third = 0; third < 3; third++) {
            qkv[to * 3 * c + third * c + x] = all[row * 3 * c + third * c + x];
          }
          expected_out.value[to * c + x] = expected.out.value[row * c + x];
          expected_out.bound[to * c + x] = expected.out.bound[row * c + x];
        }
      }
    }
  }
  const dim3 grid(heads, fresh, batch);
  if (plain) {
    launch("attention_cached_plain" + suffix, grid, dim3(256), (2 * head_size + 256) * 4, qkv, keys, values, out, fresh, head_size,
           capacity, old);
  } else {
    int group = 1;
    while (group * 16 < head_size * static_cast<int>(sizeof(T))) {
      group *= 2;
    }
    launch("attention_cached" + suffix, grid, dim3(512), 0, qkv, keys, values, out, fresh, head_size, capacity, old, group);
  }
  const std::string what = p.text() + std::to_string(old) + " old, ";
  expected_out.check(what + "out", out, eps.store);
  expect_same(what + "keys", keys, expected_keys);
  expect_same(what + "values", values, expected_values);

  launch("attention_append" + suffix, grid, dim3(128), 0, qkv, keys, values, fresh, head_size, capacity, old);
  expect_same(what + "appended keys", keys, expected_keys);
  expect_same(what + "appended values", values, expected_values);
}

}  // namespace

TEST(attention_cached_one_position) {
  for (int old : {0, 1, 15, 63, 64, 300}) {
    check<float>(1, old, 1, 2, 64, false);
    check<bf16>(2, old, 1, 1, 64, false);
    check<f16>(2, old, 1, 1, 64, false);
  }
}

TEST(attention_cached_several_positions) {
  check<float>(2, 5, 19, 3, 32, false);
  check<bf16>(1, 0, 33, 2, 128, false);
  check<f16>(1, 0, 33, 2, 128, false);
}

TEST(attention_cached_head_sizes) {
  for (int head_size : {4, 8, 12, 80, 128}) {
    check<float>(1, 70, 2, 2, head_size, false);
  }
  for (int head_size : {8, 24, 96, 256}) {
    check<bf16>(1, 70, 2, 2, head_size, false);
    check<f16>(1, 70, 2, 2, head_size, false);
  }
}

TEST(attention_cached_plain_any_head_size) {
  for (int head_size : {1, 5, 80, 300}) {
    check<float>(2, 30, 2, 2, head_size, true);
    check<bf16>(1, 300, 1, 2, head_size, true);
    check<f16>(1, 300, 1, 2, head_size, true);
  }
}
