// Norm, clipping, skipping, halting and AdamW over chunks against double.
#include <algorithm>

#include "reference.h"

#include "philox.cuh"

using namespace kernel_test;

namespace {

struct Chunk {
  int64_t offset;
  int count;
  int decay;
};

constexpr size_t COUNT = 20000;
constexpr float BETA1 = 0.9f;
constexpr float BETA2 = 0.95f;
constexpr float EPSILON = 1e-8f;
constexpr float DECAY = 0.1f;

/// Ranges [0, 1), [64, 127), [128, 128 + 9000) and [9152, 9152 + 8193), in chunks.
Array<Chunk> chunks_of_ranges() {
  const std::vector<Chunk> all = {
      {0, 1, 1}, {64, 63, 0}, {128, 8192, 1}, {128 + 8192, 808, 1}, {9152, 8192, 0}, {9152 + 8192, 1, 0}};
  Array<Chunk> chunks(all.size());
  std::copy(all.begin(), all.end(), chunks.data());
  return chunks;
}

/// Chunk of an element, or null for padding.
const Chunk* chunk_of(const Array<Chunk>& chunks, size_t i) {
  for (size_t c = 0; c < chunks.size(); ++c) {
    const int64_t at = static_cast<int64_t>(i) - chunks[c].offset;
    if (at >= 0 && at < chunks[c].count) {
      return &chunks[c];
    }
  }
  return nullptr;
}

Array<float> with_bad_padding(Array<float> x, const Array<Chunk>& chunks) {
  for (size_t i = 0; i < x.size(); ++i) {
    if (chunk_of(chunks, i) == nullptr) {
      x[i] = NAN;
    }
  }
  return x;
}

void norm(const Array<float>& gradients, const Array<Chunk>& chunks, Array<StepControl>& control) {
  Array<double> partials(chunks.size());
  launch("gradient_norm", dim3(static_cast<unsigned>(chunks.size())), dim3(256), 0, gradients, chunks, partials);
  launch("gradient_norm_finish", dim3(1), dim3(1024), 0, partials, static_cast<int>(chunks.size()), control);
}

template <typename T>
struct WeightsIn {
  Array<float> w, m, v;
  Array<T> compute;

  explicit WeightsIn(uint64_t seed)
      : w(uniform<float>(COUNT, -2, 2, seed)),
        m(uniform<float>(COUNT, -0.1, 0.1, seed + 1)),
        v(uniform<float>(COUNT, 0, 0.01, seed + 2)),
        compute(COUNT) {}

  void update(const Array<float>& gradients, const Array<Chunk>& chunks, Array<StepControl>& control, bool stochastic) {
    launch("adamw_count", dim3(1), dim3(1), 0, BETA1, BETA2, control);
    launch(std::is_same_v<T, f16> ? "adamw_f16" : "adamw", dim3(static_cast<unsigned>(chunks.size())), dim3(256), 0, w, gradients, m, v, compute, chunks, BETA1,
           BETA2, EPSILON, DECAY, stochastic ? 1 : 0, control);
  }
};
using Weights = WeightsIn<bf16>;

}  // namespace

TEST(optimizer_norm_and_clip_factor) {
  const Array<Chunk> chunks = chunks_of_ranges();
  for (const double size : {1.0, 1e25, 1e-30}) {
    for (const float clip : {0.0f, 1.0f, 1e30f}) {
      Array<StepControl> control = step_control();
      control[0].clip_norm = clip;
      control[0].loss_scale = 64.0f;
      const Array<float> gradients = with_bad_padding(uniform<float>(COUNT, -size, size, 1), chunks);
      double squares = 0;
      for (size_t i = 0; i < COUNT; ++i) {
        squares += chunk_of(chunks, i) == nullptr ? 0 : gradients.value(i) * gradients.value(i);
      }
      const double expected = std::sqrt(squares) / 64;
      norm(gradients, chunks, control);
      const StepControl& c = control[0];
      const double factor = clip > 0 ? std::min(1.0, clip / (expected + 1e-6)) : 1.0;
      expect(close(c.gradient_norm, expected, 1e-12, 0), mismatch("norm", 0, c.gradient_norm, expected));
      expect(close(c.clip_factor, factor, 1e-7, 0), mismatch("clip factor", 0, c.clip_factor, factor));
      expect(close(c.gradient_factor, factor / 64, 2e-7, 0), mismatch("gradient factor", 0, c.gradient_factor, factor / 64));
      expect(c.skipped == 0 && c.halted == 0, "skipped");
    }
  }
}

TEST(optimizer_skips_and_halts) {
  const Array<Chunk> chunks = chunks_of_ranges();
  for (const double bad : {static_cast<double>(NAN), static_cast<double>(INFINITY), -static_cast<double>(INFINITY)}) {
    for (const size_t place : {0, 126, 64, 128, 128 + 8192, 128 + 8999, 9152 + 8192}) {
      if (!THOROUGH && place > 126) {
        continue;
      }
      for (const bool halt : {false, true}) {
        Array<StepControl> control = step_control();
        control[0].updates = 5;
        control[0].clip_norm = 1.0f;
        control[0].halt_after_skip = halt;
        Array<float> gradients = uniform<float>(COUNT, -1, 1, 1);
        gradients.set(place, bad);
        norm(gradients, chunks, control);
        expect(control[0].skipped == 1 && control[0].clip_factor == 1.0f, "a bad gradient is not skipped");
        Weights weights(3);
        const Weights before(3);
        weights.update(gradients, chunks, control, false);
        expect_same("w", weights.w, before.w);
        expect_same("m", weights.m, before.m);
        expect_same("v", weights.v, before.v);
        expect_same("compute", weights.compute, before.compute);
        expect(control[0].updates == 5, "a skipped update was counted");
        gradients.set(place, 0.5);
        norm(gradients, chunks, control);
        expect(control[0].skipped == (halt ? 1u : 0u), "halt");
      }
    }
  }
}

namespace {

template <typename T>
void adamw() {
  const Array<Chunk> chunks = chunks_of_ranges();
  for (const uint64_t updates : {0, 1, 99999}) {
    Array<StepControl> control = step_control();
    control[0].updates = updates;
    control[0].gradient_factor = 0.25f;
    const Array<float> gradients = with_bad_padding(uniform<float>(COUNT, -1, 1, 9), chunks);
    WeightsIn<T> weights(3);
    const WeightsIn<T> before(3);
    weights.update(gradients, chunks, control, false);
    expect(control[0].updates == updates + 1, "count of updates");
    const double correction1 = 1 - std::pow(static_cast<double>(BETA1), updates + 1.0);
    const double correction2 = 1 - std::pow(static_cast<double>(BETA2), updates + 1.0);
    const double rate = control[0].learning_rate;
    std::vector<double> w(COUNT), m(COUNT), v(COUNT);
    for (size_t i = 0; i < COUNT; ++i) {
      const Chunk* const chunk = chunk_of(chunks, i);
      const double g = gradients.value(i) * 0.25;
      m[i] = BETA1 * before.m.value(i) + (1 - static_cast<double>(BETA1)) * g;
      v[i] = BETA2 * before.v.value(i) + (1 - static_cast<double>(BETA2)) * g * g;
      w[i] = before.w.value(i) * (chunk != nullptr && chunk->decay ? 1 - rate * DECAY : 1) -
          rate * m[i] / correction1 / (std::sqrt(v[i] / correction2) + EPSILON);
      if (chunk == nullptr) {
        w[i] = before.w.value(i);
        m[i] = before.m.value(i);
        v[i] = before.v.value(i);
      }
    }
    expect_close("w", weights.w, [&](size_t i) { return w[i]; }, 2e-7, 2e-7);
    expect_close("m", weights.m, [&](size_t i) { return m[i]; }, 3e-7, 3e-8);
    expect_close("v", weights.v, [&](size_t i) { return v[i]; }, 5e-7, 1e-12);
    expect_close("compute", weights.compute, [&](size_t i) {
      return chunk_of(chunks, i) == nullptr ? NAN : static_cast<double>(to_float(from_float<T>(weights.w[i])));
    }, 0, 0);
  }
}

}  // namespace

TEST(optimizer_adamw) {
  adamw<bf16>();
  adamw<f16>();
}

/// GradScaler's rules: growth after two good steps, backing off after an overflow, halting below the lowest scale.
TEST(optimizer_loss_scale) {
  const Array<Chunk> chunks = chunks_of_ranges();
  const Array<float> good = uniform<float>(COUNT, -1, 1, 1);
  Array<float> bad = good.copy();
  bad.set(126, INFINITY);
  Array<StepControl> control = step_control();
  control[0].dynamic_scale = 4;
  control[0].growth_factor = 2;
  control[0].backoff_factor = 0.5f;
  control[0].growth_interval = 2;
  control[0].lowest_scale = 2;
  const struct {
    bool good;
    float scale;
    unsigned good_steps;
    unsigned halted;
  } steps[] = {{true, 4, 1, 0}, {true, 8, 0, 0}, {true, 8, 1, 0},  {false, 4, 0, 0}, {false, 2, 0, 0},
               {true, 2, 1, 0}, {false, 1, 0, 1}, {true, 1, 0, 1}, {false, 1, 0, 1}};
  float scale = 4;
  unsigned halted = 0;
  for (const auto& step : steps) {
    norm(step.good ? good : bad, chunks, control);
    const StepControl& c = control[0];
    expect(c.dynamic_scale == step.scale && c.good_steps == step.good_steps, "scale " + std::to_string(c.dynamic_scale));
    expect(c.halted == step.halted, "halted");
    expect(c.skipped == (step.good && halted == 0 ? 0u : 1u), "skipped");
    expect(close(c.gradient_factor, 1 / scale, 1e-7, 0), "a factor that is not of the step's own scale");
    scale = step.scale;
    halted = step.halted;
  }
  control = step_control();
  control[0].dynamic_scale = 0x1p127f;
  control[0].growth_factor = 2;
  control[0].growth_interval = 1;
  norm(good, chunks, control);
  expect(control[0].dynamic_scale == 0x1p127f && control[0].good_steps == 0, "grown beyond float");
}

/// Without a copy to compute with.
TEST(optimizer_adamw_fp32_only) {
  const Array<Chunk> chunks = chunks_of_ranges();
  Array<StepControl> control = step_control();
  const Array<float> gradients = uniform<float>(COUNT, -1, 1, 9);
  Weights weights(3);
  launch("adamw_count", dim3(1), dim3(1), 0, BETA1, BETA2, control);
  launch("adamw", dim3(static_cast<unsigned>(chunks.size())), dim3(256), 0, weights.w, gradients, weights.m, weights.v,
         nullptr, chunks, BETA1, BETA2, EPSILON, DECAY, 0, control);
  Weights other(3);
  control = step_control();
  other.update(gradients, chunks, control, true);
  expect_same("w", weights.w, other.w);
}

/// Up or down to a neighbour, by the lane of the element's block, and right on average.
TEST(optimizer_rounds_stochastically) {
  const Array<Chunk> chunks = chunks_of_ranges();
  Array<StepControl> control = step_control();
  const Array<float> gradients = uniform<float>(COUNT, -1, 1, 9);
  Weights weights(3);
  weights.update(gradients, chunks, control, true);
  double bias = 0;
  size_t nearest = 0, elements = 0;
  for (size_t i = 0; i < COUNT; ++i) {
    if (chunk_of(chunks, i) == nullptr) {
      continue;
    }
    const unsigned bits = __float_as_uint(weights.w[i]);
    const ReferencePhilox block(control[0].seed, i >> 3, static_cast<unsigned>(control[0].updates), PURPOSE_STOCHASTIC_ROUNDING << 24);
    const unsigned expected = (bits + block.lane(i & 7)) >> 16;
    expect(weights.compute[i].bits == expected, mismatch("compute", i, weights.compute.value(i), weights.w.value(i)));
    const double place = std::ldexp(1.0, std::ilogb(weights.w.value(i)) - 7);
    bias += (weights.compute.value(i) - weights.w.value(i)) / place;
    nearest += weights.compute[i].bits == to_bf16(weights.w[i]).bits;
    ++elements;
  }
  expect(std::fabs(bias) < 4 * std::sqrt(elements / 6.0), "biased by " + std::to_string(bias));
  expect(nearest > elements * 0.7 && nearest < elements * 0.8, std::to_string(nearest) + " rounded to nearest");
  Array<bf16> again(COUNT - 3);
  launch("round_stochastically", dim3((COUNT - 3 + 1023) / 1024), dim3(256), 0, weights.w, again,
         static_cast<int64_t>(COUNT - 3), control[0].seed, static_cast<unsigned>(control[0].updates));
  for (size_t i = 0; i < again.size(); ++i) {
    if (chunk_of(chunks, i) != nullptr) {
      expect(again[i].bits == weights.compute[i].bits, mismatch("again", i, again.value(i), weights.compute.value(i)));
    }
  }
}
