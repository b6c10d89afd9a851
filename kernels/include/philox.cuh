// Philox4x32-10 and the dropout masks drawn from it, to the bit as io.gptjava.core.Philox and DropoutLayout.
//
// J. Salmon, M. Moraes, R. Dror, D. Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include "step_control.cuh"

/// Purpose of the draws that round the compute copy of the weights stochastically.
constexpr unsigned PURPOSE_STOCHASTIC_ROUNDING = 7;

/// Four random words; the eight 16-bit lanes of dropout are their halves, the low half first.
struct PhiloxBlock {
  unsigned word[4];

  /// Lane 0 … 7. With an index known when compiling, the words stay in registers.
  DEVICE unsigned lane(int l) const { return word[l >> 1] >> ((l & 1) << 4) & 0xffffu; }
};

/// The block of a counter: (index low, index high, step, purpose << 24 | site) under a 64-bit key. Two wide products and
/// two three-way exclusive ors a round.
DEVICE PhiloxBlock philox(uint64_t seed, uint64_t index, unsigned step, unsigned site) {
  unsigned k0 = static_cast<unsigned>(seed);
  unsigned k1 = static_cast<unsigned>(seed >> 32);
  unsigned c0 = static_cast<unsigned>(index);
  unsigned c1 = static_cast<unsigned>(index >> 32);
  unsigned c2 = step;
  unsigned c3 = site;
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = static_cast<uint64_t>(0xD2511F53u) * c0;
    const uint64_t p1 = static_cast<uint64_t>(0xCD9E8D57u) * c2;
    c0 = static_cast<unsigned>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<unsigned>(p1);
    c2 = static_cast<unsigned>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<unsigned>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

/// Dropout at one site in the current step.
struct Dropout {
  uint64_t seed;
  unsigned step;
  unsigned site;       // purpose << 24 | site
  unsigned threshold;  // lanes below it drop; 0 for no dropout
  unsigned first_sample;
  float scale;  // 1 / (1 − p)

  DEVICE Dropout(unsigned threshold, unsigned site, const StepControl* control)
      : seed(0), step(0), site(site), threshold(threshold), first_sample(0), scale(1.0f) {
    if (threshold != 0) {
      seed = control->seed;
      step = control->step;
      first_sample = control->first_sample;
      scale = 65536.0f / static_cast<float>(65536u - threshold);
    }
  }

  DEVICE bool active() const { return threshold != 0; }

  DEVICE PhiloxBlock draw(uint64_t block) const { return philox(seed, block, step, site); }

  /// What an element is multiplied by.
  DEVICE float factor(unsigned lane) const { return lane >= threshold ? scale : 0.0f; }

  /// Linear index, in the global batch, of the first element of a row of the micro-batch.
  DEVICE uint64_t element(int row, int rows_per_sample, int width) const {
    return (static_cast<uint64_t>(first_sample) * static_cast<unsigned>(rows_per_sample) + static_cast<unsigned>(row)) *
           static_cast<unsigned>(width);
  }

  /// Multiplies one element, in the layout by rows.
  DEVICE float apply(uint64_t element, float value) const {
    if (threshold == 0) {
      return value;
    }
    // No dynamic index into the words: they would move to memory.
    const PhiloxBlock block = draw(element >> 3);
    const unsigned half = element & 4 ? (element & 2 ? block.word[3] : block.word[2])
                                      : (element & 2 ? block.word[1] : block.word[0]);
    return value * factor(element & 1 ? half >> 16 : half & 0xffffu);
  }

  /// Multiplies 1, 4 or 8 neighbours, in the layout by rows; the element is a multiple of their number.
  template <int N>
  DEVICE void apply(uint64_t element, float (&values)[N]) const {
    static_assert(N == 1 || N == 4 || N == 8, "a unit of float or of a 16-bit type");
    if (threshold == 0) {
      return;
    }
    if (N == 1) {
      values[0] = apply(element, values[0]);
      return;
    }
    PhiloxBlock block = draw(element >> 3);
    if (N == 4 && (element & 4) != 0) {
      block.word[0] = block.word[2];
      block.word[1] = block.word[3];
    }
#pragma unroll
    for (int i = 0; i < N; ++i) {
      values[i] *= factor(block.lane(i));
    }
  }
};
