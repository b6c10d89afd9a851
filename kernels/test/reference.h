// What the kernels' tests share: the random stream and dropout masks, written anew from their definition, and tolerances.
#pragma once

#include "kernel_test.h"
#include "step_control.cuh"

namespace kernel_test {

/// Whether there is time for every combination: not under ThreadSanitizer, where a barrier of a block costs hundreds of µs.
#ifdef GPT_EMULATOR_TSAN
constexpr bool THOROUGH = false;
#else
constexpr bool THOROUGH = true;
#endif

template <typename T>
constexpr const char* SUFFIX = "_f32";
template <>
constexpr const char* SUFFIX<bf16> = "_bf16";
template <>
constexpr const char* SUFFIX<f16> = "_f16";

/// Half a unit in the last place of T, relative.
template <typename T>
constexpr double ROUNDOFF = 0x1p-24;
template <>
constexpr double ROUNDOFF<bf16> = 0x1p-8;
template <>
constexpr double ROUNDOFF<f16> = 0x1p-11;

/// Name of a kernel for rows of this width.
template <typename T>
std::string row_kernel(const std::string& name, int width) {
  return name + (width % (16 / sizeof(T)) == 0 ? "" : "_scalar") + SUFFIX<T>;
}

inline unsigned ceiling(size_t count, size_t size) { return static_cast<unsigned>((count + size - 1) / size); }

/// A step's scalars: seed, step and first sample away from their defaults, loss scale over targets 0.25.
inline Array<StepControl> step_control() {
  Array<StepControl> control(1);
  std::memset(control.data(), 0, sizeof(StepControl));
  control[0].seed = 0x123456789abcull;
  control[0].step = 7;
  control[0].first_sample = 3;
  control[0].learning_rate = 1e-2f;
  control[0].loss_scale = 1.0f;
  control[0].loss_gradient_scale = 0.25f;
  control[0].dynamic_scale = 1.0f;
  control[0].clip_factor = 1.0f;
  control[0].gradient_factor = 1.0f;
  return control;
}

/// Philox4x32-10 by its paper, in 64-bit arithmetic.
struct ReferencePhilox {
  uint32_t word[4];

  ReferencePhilox(uint64_t key, uint64_t index, uint32_t step, uint32_t site)
      : word{static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), step, site} {
    uint32_t k[2] = {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
    for (int round = 0; round < 10; ++round) {
      const uint64_t a = uint64_t{0xD2511F53} * word[0];
      const uint64_t b = uint64_t{0xCD9E8D57} * word[2];
      const uint32_t next[4] = {static_cast<uint32_t>(b >> 32) ^ word[1] ^ k[0], static_cast<uint32_t>(b),
          static_cast<uint32_t>(a >> 32) ^ word[3] ^ k[1], static_cast<uint32_t>(a)};
      std::memcpy(word, next, sizeof word);
      k[0] += 0x9E3779B9u;
      k[1] += 0xBB67AE85u;
    }
  }

  unsigned lane(int l) const { return word[l / 2] >> 16 * (l % 2) & 0xffff; }
};

/// Dropout by rows: what an element of the micro-batch is multiplied by.
struct ReferenceDropout {
  unsigned threshold = 0;
  unsigned site = 4u << 24 | 5;

  double factor(const Array<StepControl>& control, size_t row, int rows_per_sample, size_t column, int width) const {
    if (threshold == 0) {
      return 1.0;
    }
    const StepControl& c = control[0];
    const uint64_t element = (uint64_t{c.first_sample} * rows_per_sample + row) * width + column;
    const ReferencePhilox block(c.seed, element >> 3, c.step, site);
    return block.lane(element & 7) >= threshold ? 65536.0 / (65536.0 - threshold) : 0.0;
  }
};

}  // namespace kernel_test
