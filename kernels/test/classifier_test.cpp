// Losses and gradients of rows of logits against double: whole packs, part of a pack, padding, ignored and invalid targets,
// in shared memory and without.
#include <algorithm>

#include "reference.h"

using namespace kernel_test;

namespace {

constexpr int IGNORED = -100;

template <typename T>
void classify(int rows, int vocabulary, int stride, double spread, bool cached) {
  Array<StepControl> control = step_control();
  control[0].dynamic_scale = 8.0f;
  Array<T> logits = uniform<T>(static_cast<size_t>(rows) * stride, -spread, spread, 1);
  Array<int> targets(rows);
  for (int row = 0; row < rows; ++row) {
    targets[row] = row % 4 == 1 ? IGNORED : row % 3 == 0 ? vocabulary - 1 : static_cast<int>(row * 7919 % vocabulary);
    for (int c = vocabulary; c < stride; ++c) {
      logits.set(static_cast<size_t>(row) * stride + c, c % 2 == 0 ? NAN : 1e4);  // padding holds anything
    }
  }
  if (rows > 6) {
    targets[6] = vocabulary;
  }
  const Array<T> before = logits.copy();
  Array<float> losses(rows), losses_only(rows);
  launch(std::string("classifier_loss") + SUFFIX<T>, dim3(rows), dim3(512), 0, logits, targets, losses_only, vocabulary,
         stride);
  expect_same("logits", logits, before);
  launch(std::string("classifier") + SUFFIX<T>, dim3(rows), dim3(512), cached ? stride * sizeof(T) : 0, logits, targets,
         losses, vocabulary, stride, cached ? 1 : 0, control);
  expect_same("losses alone", losses_only, losses);
  const double scale = control[0].loss_gradient_scale * control[0].dynamic_scale;
  std::vector<double> gradients(logits.size()), expected(rows);
  for (int row = 0; row < rows; ++row) {
    const size_t at = static_cast<size_t>(row) * stride;
    const int target = targets[row];
    double greatest = -INFINITY, sum = 0;
    for (int c = 0; c < vocabulary; ++c) {
      greatest = std::max(greatest, before.value(at + c));
    }
    for (int c = 0; c < vocabulary; ++c) {
      sum += std::exp(before.value(at + c) - greatest);
    }
    const bool invalid = target != IGNORED && (target < 0 || target >= vocabulary);
    expected[row] = target == IGNORED ? 0 : invalid ? NAN : greatest + std::log(sum) - before.value(at + target);
    for (int c = 0; c < vocabulary && target != IGNORED; ++c) {
      const double weight = std::exp(before.value(at + c) - greatest) / sum;
      gradients[at + c] = invalid ? NAN : (weight - (c == target ? 1 : 0)) * scale;
    }
  }
  expect_close("losses", losses, [&](size_t i) { return expected[i]; }, 1e-6, 2e-6 * (1 + spread));
  expect_close("gradients", logits, [&](size_t i) { return gradients[i]; }, ROUNDOFF<T> + 2e-6 * (1 + spread),
               1e-7 * control[0].dynamic_scale);
}

template <typename T>
void all() {
  for (const bool cached : {false, true}) {
    classify<T>(9, 1, 1, 3, cached);
    classify<T>(9, 7, 128, 3, cached);
    classify<T>(9, 130, 130, 3, cached);
    classify<T>(9, 1000, 1024, 30, cached);
    if (THOROUGH) {
      classify<T>(3, 40003, 40064, 10, cached && sizeof(T) == 2);
    }
  }
}

}  // namespace

TEST(classifier_f32) { all<float>(); }
TEST(classifier_bf16) { all<bf16>(); }
TEST(classifier_f16) { all<f16>(); }

/// A maximum that comes late, so that sums are rescaled, and logits of minus infinity.
TEST(classifier_of_growing_logits) {
  const Array<StepControl> control = step_control();
  constexpr int COUNT = 20000;
  Array<float> logits(COUNT);
  Array<int> targets(1);
  Array<float> losses(1);
  targets[0] = 100;
  double sum = 0;
  for (int i = 0; i < COUNT; ++i) {
    logits[i] = i % 5 == 4 ? -INFINITY : static_cast<float>(i) / 200 - 50;
    sum += std::exp(logits.value(i) - 50);
  }
  const Array<float> before = logits.copy();
  launch("classifier_f32", dim3(1), dim3(512), COUNT * sizeof(float), logits, targets, losses, COUNT, COUNT, 1, control);
  expect_close("loss", losses, [&](size_t) { return 50 + std::log(sum) - before.value(100); }, 1e-6, 0);
  expect_close("gradients", logits, [&](size_t i) {
    return (std::exp(before.value(i) - 50) / sum - (i == 100 ? 1 : 0)) * 0.25;
  }, 2e-5, 1e-30);
}

TEST(classifier_adds_losses_in_double) {
  for (const int rows : {1, 1000, 5003}) {
    Array<StepControl> control = step_control();
    control[0].loss_sum = 1e9;
    const Array<float> losses = uniform<float>(rows, 0, 12, 2);
    double expected = 0;
    for (int i = 0; i < rows; ++i) {
      expected += losses.value(i);
    }
    launch("add_losses", dim3(1), dim3(1024), 0, losses, rows, control);
    expect(close(control[0].loss_sum - 1e9, expected, 1e-9, 1e-6), mismatch("loss_sum", 0, control[0].loss_sum, expected));
  }
}
