// Layer normalisation, the residual link and their gradient against double, at widths for one warp and several, by packs and
// by elements.
#include "reference.h"

using namespace kernel_test;

namespace {

constexpr double EPSILON = 1e-5;

struct Shape {
  int rows;
  int width;
  int rows_per_sample;
};

constexpr Shape SHAPES[] = {{1, 16, 1}, {5, 5, 5}, {7, 33, 7}, {9, 768, 3}, {6, 770, 3}, {3, 1100, 3}, {3, 1600, 1}};

/// Warps of a row whose threads hold so many elements by packs, or one by one.
template <typename T>
int warps(int width, int packed, int single) {
  return static_cast<int>(ceiling(width, 32 * (width % (16 / sizeof(T)) == 0 ? packed : single)));
}

dim3 threads(int warps) { return dim3(warps == 1 ? 128 : 32 * warps); }

dim3 forward_grid(int rows, int warps) { return dim3(warps == 1 ? ceiling(rows, 4) : rows); }

/// What the normalisation of rows gives, in double.
struct Normalised {
  std::vector<double> mean, rstd;

  template <typename T>
  Normalised(const Array<T>& x, const Shape& s) : mean(s.rows), rstd(s.rows) {
    for (int row = 0; row < s.rows; ++row) {
      double squares = 0;
      for (int c = 0; c < s.width; ++c) {
        mean[row] += x.value(row * s.width + c) / s.width;
      }
      for (int c = 0; c < s.width; ++c) {
        const double centred = x.value(row * s.width + c) - mean[row];
        squares += centred * centred;
      }
      rstd[row] = 1 / std::sqrt(squares / s.width + EPSILON);
    }
  }
};

template <typename T>
void check_forward(const Array<T>& x, const Array<T>& gamma, const Array<T>& beta, const Array<T>& out,
                   const Array<float>& mean, const Array<float>& rstd, const Shape& s) {
  const Normalised n(x, s);
  expect_close("mean", mean, [&](size_t i) { return n.mean[i]; }, 2e-6, 1e-6);
  expect_close("rstd", rstd, [&](size_t i) { return n.rstd[i]; }, 4e-6, 0);
  expect_close("out", out, [&](size_t i) {
    const size_t row = i / s.width;
    return (x.value(i) - n.mean[row]) * n.rstd[row] * gamma.value(i % s.width) + beta.value(i % s.width);
  }, ROUNDOFF<T> + 2e-6, 1e-5);
}

template <typename T>
void layer_norm(const Shape& s) {
  const size_t count = static_cast<size_t>(s.rows) * s.width;
  const Array<T> x = uniform<T>(count, -1, 3, 1);
  const Array<T> gamma = uniform<T>(s.width, 0.5, 1.5, 2);
  const Array<T> beta = uniform<T>(s.width, -1, 1, 3);
  Array<T> out(count);
  Array<float> mean(s.rows), rstd(s.rows);
  const int w = warps<T>(s.width, 32, 8);
  launch(row_kernel<T>("layer_norm", s.width), forward_grid(s.rows, w), threads(w), 0, x, gamma, beta, out, mean, rstd,
         s.rows, s.width, w);
  check_forward(x, gamma, beta, out, mean, rstd, s);
}

template <typename T>
void residual(const Shape& s, const ReferenceDropout& dropout, bool in_place) {
  const size_t count = static_cast<size_t>(s.rows) * s.width;
  const Array<StepControl> control = step_control();
  const Array<T> before = uniform<T>(count, -1, 3, 1);
  const Array<T> branch = uniform<T>(count, -2, 2, 4);
  const Array<T> gamma = uniform<T>(s.width, 0.5, 1.5, 2);
  const Array<T> beta = uniform<T>(s.width, -1, 1, 3);
  Array<T> sum = in_place ? before.copy() : Array<T>(count);
  Array<T> out(count);
  Array<float> mean(s.rows), rstd(s.rows);
  const int w = warps<T>(s.width, 32, 8);
  launch(row_kernel<T>("residual_layer_norm", s.width), forward_grid(s.rows, w), threads(w), 0, in_place ? sum : before,
         branch, gamma, beta, sum, out, mean, rstd, s.rows, s.width, s.rows_per_sample, w, dropout.threshold, dropout.site,
         control);
  expect_close("residual_out", sum, [&](size_t i) {
    const double factor = dropout.factor(control, i / s.width, s.rows_per_sample, i % s.width, s.width);
    return before.value(i) + factor * branch.value(i);
  }, ROUNDOFF<T>, 1e-6);
  check_forward(sum, gamma, beta, out, mean, rstd, s);
}

/// Which tensors are absent, shared or added to.
struct Variant {
  unsigned threshold;
  bool later, in_place, branch, branch_is_out, accumulate;
};

constexpr Variant VARIANTS[] = {
    {0, false, false, false, false, false},
    {0, true, true, true, true, true},
    {16384, true, false, true, false, true},
    {16384, false, false, true, true, false},
};

template <typename T>
void backward(const Shape& s, const Variant& v, unsigned blocks) {
  const size_t count = static_cast<size_t>(s.rows) * s.width;
  const Array<StepControl> control = step_control();
  const ReferenceDropout dropout{v.threshold};
  const Array<T> gradient = uniform<T>(count, -1, 1, 5);
  const Array<T> x = uniform<T>(count, -1, 3, 6);
  const Array<T> gamma = uniform<T>(s.width, 0.5, 1.5, 7);
  const Array<T> later = uniform<T>(count, -1, 1, 8);
  const Array<float> start = uniform<float>(2 * s.width, -1, 1, 9);
  const Normalised n(x, s);
  const Array<float> mean{n.mean}, rstd{n.rstd};
  Array<T> d_out = gradient.copy();
  Array<T> d_residual = v.in_place ? later.copy() : Array<T>(count);
  Array<T> separate(count);
  Array<T>& d_branch = v.branch_is_out ? d_out : separate;
  Array<float> partials(static_cast<size_t>(blocks) * 2 * s.width);
  Array<float> d_gamma(s.width), d_beta(s.width);
  for (int c = 0; c < s.width && v.accumulate; ++c) {
    d_gamma[c] = start[c];
    d_beta[c] = start[s.width + c];
  }
  const int w = warps<T>(s.width, 24, 12);
  const T* later_data = v.in_place ? d_residual.data() : v.later ? later.data() : nullptr;
  launch(row_kernel<T>("layer_norm_backward", s.width), dim3(blocks), threads(w), 0, d_out, x, gamma, mean, rstd,
         later_data, d_residual, v.branch ? d_branch.data() : nullptr, partials, s.rows, s.width, s.rows_per_sample, w,
         dropout.threshold, dropout.site, control);
  launch("sum_partials", dim3(ceiling(2 * s.width, 32)), dim3(512), 0, partials, static_cast<int>(blocks), 2 * s.width,
         s.width, d_gamma, d_beta, v.accumulate ? 1 : 0);

  std::vector<double> dx(count), dg(s.width), db(s.width);
  for (int c = 0; c < s.width && v.accumulate; ++c) {
    dg[c] = start.value(c);
    db[c] = start.value(s.width + c);
  }
  for (int row = 0; row < s.rows; ++row) {
    const size_t at = static_cast<size_t>(row) * s.width;
    double sum = 0, product = 0;
    for (int c = 0; c < s.width; ++c) {
      const double normalised = (x.value(at + c) - mean.value(row)) * rstd.value(row);
      sum += gradient.value(at + c) * gamma.value(c) / s.width;
      product += gradient.value(at + c) * gamma.value(c) * normalised / s.width;
      dg[c] += gradient.value(at + c) * normalised;
      db[c] += gradient.value(at + c);
    }
    for (int c = 0; c < s.width; ++c) {
      const double normalised = (x.value(at + c) - mean.value(row)) * rstd.value(row);
      dx[at + c] = rstd.value(row) * (gradient.value(at + c) * gamma.value(c) - sum - normalised * product) +
          (v.later ? later.value(at + c) : 0);
    }
  }
  expect_close("d_residual", d_residual, [&](size_t i) { return dx[i]; }, ROUNDOFF<T> + 1e-6, 1e-5);
  if (v.branch) {
    expect_close("d_branch", d_branch, [&](size_t i) {
      return dx[i] * dropout.factor(control, i / s.width, s.rows_per_sample, i % s.width, s.width);
    }, ROUNDOFF<T> + 1e-6, 1e-5);
  }
  expect_close("d_gamma", d_gamma, [&](size_t i) { return dg[i]; }, 1e-6, 1e-5);
  expect_close("d_beta", d_beta, [&](size_t i) { return db[i]; }, 1e-6, 1e-5);
}

template <typename T>
void all_backward() {
  for (const Shape& s : SHAPES) {
    for (const Variant& v : VARIANTS) {
      if (THOROUGH || (v.threshold > 0 && s.width < 1600)) {
        backward<T>(s, v, 2);
      }
      if (THOROUGH) {
        backward<T>(s, v, 1);
      }
    }
  }
}

template <typename T>
void all_forward() {
  for (const Shape& s : SHAPES) {
    layer_norm<T>(s);
    residual<T>(s, {0}, false);
    residual<T>(s, {16384}, true);
  }
}

}  // namespace

TEST(layer_norm_forward_f32) { all_forward<float>(); }
TEST(layer_norm_forward_bf16) { all_forward<bf16>(); }
TEST(layer_norm_forward_f16) { all_forward<f16>(); }
TEST(layer_norm_backward_f32) { all_backward<float>(); }
TEST(layer_norm_backward_bf16) { all_backward<bf16>(); }
TEST(layer_norm_backward_f16) { all_backward<f16>(); }
