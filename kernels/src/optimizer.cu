// Global gradient norm with clip factor and skip flag, and AdamW over all parameters in one launch.
//
// Roofline: memory. The norm reads 4 bytes a parameter; AdamW reads 16 (weight, gradient, moments) and writes 12, and 2 for a
// 16-bit copy to compute with. 124 M parameters and 4.3 TB/s: 115 µs and 0.87 ms. A block has a chunk of at most 8,192 elements
// of one parameter tensor, 16 bytes a thread and array at a time: the norm has 128 bytes in flight a thread, AdamW 64. Squares
// are taken and added in float64 (no overflow; 64 a clock on data-centre chips, behind the loads) and in a fixed order.
// Nothing returns to the host: learning rate, clip factor, skip flag, loss scale and the count of updates stay in
// StepControl.
#include "philox.cuh"
#include "reduce.cuh"
#include "vector.cuh"

constexpr int THREADS = 256;
constexpr int CHUNK = 8192;  // most elements of a chunk; so does the host cut them

/// A part of one parameter tensor, in the flat layout; offsets are multiples of 16.
struct Chunk {
  int64_t offset;
  int count;
  int decay;
};
static_assert(sizeof(Chunk) == 16, "the host writes it");

// ---- norm -----------------------------------------------------------------------------------------------------------

/// Sum of the squares of a chunk.
KERNEL(THREADS, gradient_norm)
(const float* __restrict__ gradients, const Chunk* __restrict__ chunks, double* __restrict__ partials) {
  SHARED(double, slots, [THREADS / 32]);
  constexpr int FLIGHT = CHUNK / (4 * THREADS);
  const Chunk chunk = chunks[blockIdx.x];
  const float* const from = gradients + chunk.offset;
  const int full = chunk.count / 4;
  Pack<float> flight[FLIGHT];
#pragma unroll
  for (int i = 0; i < FLIGHT; ++i) {
    const int at = i * THREADS + threadIdx.x;
    flight[i] = at < full ? load(from + 4 * at) : Pack<float>{make_uint4(0, 0, 0, 0)};
  }
  double sum = 0.0;
#pragma unroll
  for (int i = 0; i < FLIGHT; ++i) {
    float values[4];
    unpack(flight[i], values);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      sum += static_cast<double>(values[j]) * static_cast<double>(values[j]);
    }
  }
  const int rest = 4 * full + threadIdx.x;
  if (rest < chunk.count) {
    sum += static_cast<double>(from[rest]) * static_cast<double>(from[rest]);
  }
  sum = block_sum(sum, slots);
  if (threadIdx.x == 0) {
    partials[blockIdx.x] = sum;
  }
}
EXPORT_KERNEL(gradient_norm)

/// The dynamic loss scale behind a step, as PyTorch's GradScaler.update: backed off after an overflow, grown after so many good
/// steps in a row unless that overflows itself. Below the lowest scale a run halts: smaller ones would not help it.
DEVICE void update_scale(StepControl* control, bool finite) {
  if (!finite) {
    control->dynamic_scale *= control->backoff_factor;
    control->good_steps = 0;
    control->halted = control->dynamic_scale < control->lowest_scale ? 1 : 0;
    return;
  }
  const unsigned good_steps = control->good_steps + 1;
  control->good_steps = good_steps == control->growth_interval ? 0 : good_steps;
  const float grown = control->dynamic_scale * control->growth_factor;
  if (good_steps == control->growth_interval && grown < INFINITY) {
    control->dynamic_scale = grown;
  }
}

/// Norm, clip factor (PyTorch's clip_grad_norm_: clip / (norm + 1e-6), at most 1), skip flag and next loss scale. One block.
KERNEL(1024, gradient_norm_finish)(const double* __restrict__ partials, int count, StepControl* control) {
  SHARED(double, slots, [32]);
  double sum = 0.0;
#pragma unroll 4
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    sum += partials[i];
  }
  sum = block_sum(sum, slots);
  if (threadIdx.x == 0) {
    const float scale = control->loss_scale * control->dynamic_scale;
    const double norm = sqrt(sum) / static_cast<double>(scale);
    const bool finite = sum < static_cast<double>(INFINITY);  // false for NaN
    const bool halted = control->halted != 0;
    const bool skipped = halted || !finite;
    float factor = 1.0f;
    if (!skipped && control->clip_norm > 0.0f) {
      const double clip = static_cast<double>(control->clip_norm) / (norm + 1e-6);
      factor = static_cast<float>(clip < 1.0 ? clip : 1.0);
    }
    control->gradient_norm = norm;
    control->skipped = skipped ? 1 : 0;
    control->clip_factor = factor;
    control->gradient_factor = factor / scale;
    if (control->growth_interval == 0) {
      control->halted = skipped && control->halt_after_skip != 0 ? 1 : 0;
    } else if (!halted) {
      update_scale(control, finite);
    }
  }
}
EXPORT_KERNEL(gradient_norm_finish)

// ---- AdamW ----------------------------------------------------------------------------------------------------------

/// x^n by squaring: the same bits everywhere, which a library's pow does not promise.
DEVICE double power(double x, uint64_t n) {
  double result = 1.0;
  for (; n != 0; n >>= 1) {
    if ((n & 1) != 0) {
      result *= x;
    }
    x *= x;
  }
  return result;
}

/// Counts the update, unless it is skipped, and prepares its bias corrections. One thread.
KERNEL(1, adamw_count)(float beta1, float beta2, StepControl* control) {
  if (control->skipped != 0) {
    return;
  }
  const uint64_t update = control->updates + 1;
  control->updates = update;
  control->bias_correction1 = static_cast<float>(1.0 - power(static_cast<double>(beta1), update));
  control->bias_correction2 = static_cast<float>(1.0 - power(static_cast<double>(beta2), update));
}
EXPORT_KERNEL(adamw_count)

/// What an update needs to know, the same for all elements.
struct Update {
  float beta1, beta2, epsilon;
  float decay;      // λ, 0 where the range does not decay
  float rate;
  float factor;     // of gradients
  float inverse1;   // 1 / (1 − β₁ᵗ)
  float inverse2;

  /// One element of weight and moments.
  DEVICE void apply(float& w, float gradient, float& m, float& v) const {
    const float g = gradient * factor;
    m = beta1 * m + (1.0f - beta1) * g;
    v = beta2 * v + (1.0f - beta2) * g * g;
    const float step = m * inverse1 / (sqrtf(v * inverse2) + epsilon);
    w -= rate * (decay * w + step);
  }
};

/// Rounds up with the probability of the discarded fraction, down otherwise; infinities and NaN as they are.
DEVICE unsigned rounded_up_or_down(float x, unsigned random16) {
  const unsigned bits = __float_as_uint(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) {
    return ptx::bf16_bits(x);
  }
  return (bits + random16) >> 16;
}

/// bf16 copies of four weights, the first at a multiple of 4 of the flat layout, by 16-bit lanes of Philox: lane i % 8 of block
/// i / 8 for element i. The draws are those of the count of updates, so that a resumed run rounds as it had.
DEVICE uint2 round_by_chance(const float (&w)[4], int64_t element, uint64_t seed, unsigned updates) {
  const PhiloxBlock block =
      philox(seed, static_cast<uint64_t>(element) >> 3, updates, PURPOSE_STOCHASTIC_ROUNDING << 24);
  const unsigned low = (element & 4) != 0 ? block.word[2] : block.word[0];
  const unsigned high = (element & 4) != 0 ? block.word[3] : block.word[1];
  return make_uint2(rounded_up_or_down(w[0], low & 0xffffu) | rounded_up_or_down(w[1], low >> 16) << 16,
                    rounded_up_or_down(w[2], high & 0xffffu) | rounded_up_or_down(w[3], high >> 16) << 16);
}

/// Copies of four weights in T.
template <typename T>
DEVICE uint2 round_weights(const float (&w)[4], int64_t element, bool stochastic, const StepControl* control) {
  if (!stochastic || !std::is_same_v<T, bf16>) {
    return make_uint2(pair_of<T>(w[0], w[1]), pair_of<T>(w[2], w[3]));
  }
  return round_by_chance(w, element, control->seed, static_cast<unsigned>(control->updates));
}

/// One chunk a block. The copies to compute with are of a 16-bit type; stochastic rounding is for bf16, whose steps are coarse.
template <typename T>
DEVICE void update_chunk(float* __restrict__ parameters, const float* __restrict__ gradients, float* __restrict__ first_moment,
                         float* __restrict__ second_moment, T* __restrict__ compute, const Chunk* __restrict__ chunks,
                         float beta1, float beta2, float epsilon, float weight_decay, bool stochastic,
                         const StepControl* __restrict__ control) {
  if (control->skipped != 0) {
    return;
  }
  const Chunk chunk = chunks[blockIdx.x];
  const Update update = {beta1,
                         beta2,
                         epsilon,
                         chunk.decay != 0 ? weight_decay : 0.0f,
                         control->learning_rate,
                         control->gradient_factor,
                         1.0f / control->bias_correction1,
                         1.0f / control->bias_correction2};
  for (int i = 4 * threadIdx.x; i < chunk.count; i += 4 * THREADS) {
    const int64_t at = chunk.offset + i;
    const int valid = min(4, chunk.count - i);
    float w[4], g[4], m[4], v[4];
    if (valid == 4) {
      unpack(load_streaming(parameters + at), w);
      unpack(load_streaming(gradients + at), g);
      unpack(load_streaming(first_moment + at), m);
      unpack(load_streaming(second_moment + at), v);
    } else {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        w[j] = j < valid ? parameters[at + j] : 0.0f;
        g[j] = j < valid ? gradients[at + j] : 0.0f;
        m[j] = j < valid ? first_moment[at + j] : 0.0f;
        v[j] = j < valid ? second_moment[at + j] : 0.0f;
      }
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      update.apply(w[j], g[j], m[j], v[j]);
    }
    uint2 rounded = make_uint2(0, 0);
    if (compute != nullptr) {
      rounded = round_weights<T>(w, at, stochastic, control);
    }
    if (valid == 4) {
      store_streaming(parameters + at, pack<float>(w));
      store_streaming(first_moment + at, pack<float>(m));
      store_streaming(second_moment + at, pack<float>(v));
      if (compute != nullptr) {
        *reinterpret_cast<uint2*>(compute + at) = rounded;
      }
    } else {
      const unsigned halves[4] = {rounded.x & 0xffffu, rounded.x >> 16, rounded.y & 0xffffu, rounded.y >> 16};
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (j < valid) {
          parameters[at + j] = w[j];
          first_moment[at + j] = m[j];
          second_moment[at + j] = v[j];
          if (compute != nullptr) {
            compute[at + j] = T{static_cast<uint16_t>(halves[j])};
          }
        }
      }
    }
  }
}

#define ADAMW(name, T)                                                                                                \
  KERNEL(THREADS, name)                                                                                               \
  (float* __restrict__ parameters, const float* __restrict__ gradients, float* __restrict__ first_moment,             \
   float* __restrict__ second_moment, T* __restrict__ compute, const Chunk* __restrict__ chunks, float beta1,         \
   float beta2, float epsilon, float weight_decay, int stochastic, const StepControl* __restrict__ control) {         \
    update_chunk<T>(parameters, gradients, first_moment, second_moment, compute, chunks, beta1, beta2, epsilon,       \
                    weight_decay, stochastic != 0, control);                                                          \
  }                                                                                                                   \
  EXPORT_KERNEL(name)

ADAMW(adamw, bf16)
ADAMW(adamw_f16, f16)

/// The copies alone, as the update of that count left them: for a restored run. Four elements a thread, to from 16 bytes on.
KERNEL(THREADS, round_stochastically)
(const float* __restrict__ from, bf16* __restrict__ to, int64_t count, uint64_t seed, unsigned updates) {
  const int64_t at = 4 * (static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x);
  const int valid = static_cast<int>(min(static_cast<int64_t>(4), count - at));
  float w[4];
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    w[j] = j < valid ? from[at + j] : 0.0f;
  }
  const uint2 rounded = round_by_chance(w, at, seed, updates);
  const unsigned halves[4] = {rounded.x & 0xffffu, rounded.x >> 16, rounded.y & 0xffffu, rounded.y >> 16};
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    if (j < valid) {
      to[at + j] = bf16{static_cast<uint16_t>(halves[j])};
    }
  }
}
EXPORT_KERNEL(round_stochastically)
