// Softmax and cross-entropy of rows of logits, which become their gradient in place; the loss alone; the sum of losses.
//
// Roofline: memory: one read and one write of the logits. 65,536 × 50,304 bf16: 13.2 GB, 3.07 ms at 4.3 TB/s (a chunk's logits,
// just written by the matrix product, partly come from the L2 cache). Two exp2 an element: 1.84 ms of the special function
// units, so phases must overlap.
//
// One block of 512 threads a row. While it reads the row it keeps the packs in shared memory and a running maximum and sum
// (Milakov and Gimelshein, 2018); then each thread turns its own packs into gradients: no pass waits for other threads but for
// one reduction. A bf16 row of 50,304 takes 98 KB, so that a multiprocessor holds two, one reading while the other writes,
// with 64 KB in flight. Rows beyond shared memory are read again instead (cached = 0): from the L2 cache, at best.
#include "reduce.cuh"
#include "step_control.cuh"
#include "vector.cuh"

constexpr int THREADS = 512;
constexpr int FLIGHT = 4;                // packs that a thread loads before it uses them
constexpr int IGNORED_TARGET = -100;
constexpr float LOG2_E = 1.4426950408889634f;
constexpr float LN_2 = 0.6931471805599453f;
constexpr float LOWEST = -1e30f;         // finite, so that no difference of maxima is NaN

/// Σ 2^(x·log₂e − offset) over a thread's or a row's logits so far, offset = maximum · log₂e.
struct Running {
  float maximum = LOWEST;
  float offset = LOWEST * LOG2_E;
  float sum = 0.0f;

  DEVICE void raise(float to) {
    if (to > maximum) {
      const float before = offset;
      maximum = to;
      offset = to * LOG2_E;
      sum *= ptx::ex2(before - offset);
    }
  }

  DEVICE float term(float logit) const { return ptx::ex2(fmaf(logit, LOG2_E, -offset)); }

  /// Takes in some logits; the maximum of all of them first, so that the sum is rescaled once.
  template <int N>
  DEVICE void add(const float (&logits)[N]) {
    float greatest = logits[0];
#pragma unroll
    for (int j = 1; j < N; ++j) {
      greatest = fmaxf(greatest, logits[j]);
    }
    raise(greatest);
    float terms = 0.0f;
#pragma unroll
    for (int j = 0; j < N; ++j) {
      terms += term(logits[j]);
    }
    sum += terms;
  }

  /// Joins all threads' sums.
  DEVICE void reduce(float* slots) {
    raise(block_max(maximum, slots));
    sum = block_sum(sum, slots);
  }
};

/// Softmax of the thread's logits times scale; less scale at the target.
template <int N>
DEVICE void gradients(const Running& row, float (&values)[N], float scale, float weight, int column, int target) {
#pragma unroll
  for (int j = 0; j < N; ++j) {
    values[j] = row.term(values[j]) * weight;
  }
  if (target >= column && target < column + N) {
#pragma unroll
    for (int j = 0; j < N; ++j) {
      values[j] -= column + j == target ? scale : 0.0f;
    }
  }
}

template <typename T, bool GRADIENT>
DEVICE void zero_row(T* logits, int stride) {
  if (GRADIENT) {
    const bool wide = stride % Pack<T>::size == 0 && aligned(logits);
    const int full = wide ? stride / Pack<T>::size : 0;
    for (int i = threadIdx.x; i < full; i += THREADS) {
      store(logits + i * Pack<T>::size, Pack<T>{make_uint4(0, 0, 0, 0)});
    }
    for (int column = full * Pack<T>::size + threadIdx.x; column < stride; column += THREADS) {
      logits[column] = from_float<T>(0.0f);
    }
  }
}

template <typename T, bool GRADIENT>
DEVICE void classify(T* logits, const int* __restrict__ targets, float* __restrict__ losses, int vocabulary,
                     int stride, bool cached, const StepControl* control) {
  constexpr int SIZE = Pack<T>::size;
  SHARED(float, slots, [THREADS / 32]);
  DYN_SHARED(uint4, cache);
  logits += static_cast<int64_t>(blockIdx.x) * stride;
  const int target = targets[blockIdx.x];
  if (target == IGNORED_TARGET) {
    zero_row<T, GRADIENT>(logits, stride);
    if (threadIdx.x == 0) {
      losses[blockIdx.x] = 0.0f;
    }
    return;
  }
  // A target outside the vocabulary makes its loss and its gradients NaN: no kernel can throw.
  const bool valid = target >= 0 && target < vocabulary;
  const float target_logit = valid ? to_float(logits[target]) : NAN;
  const bool wide = stride % SIZE == 0 && aligned(logits);
  const int full = wide ? vocabulary / SIZE : 0;  // packs without padding; elements follow, then padding

  Running row;
  for (int base = threadIdx.x; base < full; base += FLIGHT * THREADS) {
    Pack<T> flight[FLIGHT];
#pragma unroll
    for (int i = 0; i < FLIGHT; ++i) {
      if (base + i * THREADS < full) {
        flight[i] = load(logits + (base + i * THREADS) * SIZE);
      }
    }
#pragma unroll
    for (int i = 0; i < FLIGHT; ++i) {
      if (base + i * THREADS < full) {
        if (GRADIENT && cached) {
          cache[base + i * THREADS] = flight[i].bits;
        }
        float values[SIZE];
        unpack(flight[i], values);
        row.add(values);
      }
    }
  }
  for (int column = full * SIZE + threadIdx.x; column < vocabulary; column += THREADS) {
    const float values[1] = {to_float(logits[column])};
    row.add(values);
  }
  row.reduce(slots);
  if (threadIdx.x == 0) {
    // offset is maximum · log₂e rounded; what was rounded off is put back.
    const float rounded_off = LN_2 * fmaf(-row.maximum, LOG2_E, row.offset);
    losses[blockIdx.x] = logf(row.sum) + ((row.maximum - target_logit) + rounded_off);
  }
  if (!GRADIENT) {
    return;
  }

  const float scale = valid ? control->loss_gradient_scale * control->dynamic_scale : NAN;
  const float weight = scale / row.sum;
#pragma unroll 2
  for (int i = threadIdx.x; i < full; i += THREADS) {
    const Pack<T> unit = cached ? Pack<T>{cache[i]} : load(logits + i * SIZE);
    float values[SIZE];
    unpack(unit, values);
    gradients(row, values, scale, weight, i * SIZE, target);
    store(logits + i * SIZE, pack<T>(values));
  }
  for (int column = full * SIZE + threadIdx.x; column < stride; column += THREADS) {
    float values[1] = {0.0f};
    if (column < vocabulary) {
      values[0] = to_float(logits[column]);
      gradients(row, values, scale, weight, column, target);
    }
    logits[column] = from_float<T>(values[0]);
  }
}

#define CLASSIFIER(suffix, T)                                                                                         \
  KERNEL(THREADS, classifier##suffix)                                                                                 \
  (T* logits, const int* __restrict__ targets, float* __restrict__ losses, int vocabulary, int stride, int cached,    \
   const StepControl* control) {                                                                                      \
    classify<T, true>(logits, targets, losses, vocabulary, stride, cached != 0, control);                             \
  }                                                                                                                   \
  EXPORT_KERNEL(classifier##suffix)                                                                                   \
  KERNEL(THREADS, classifier_loss##suffix)                                                                            \
  (T* logits, const int* __restrict__ targets, float* __restrict__ losses, int vocabulary, int stride) {              \
    classify<T, false>(logits, targets, losses, vocabulary, stride, false, nullptr);                                  \
  }                                                                                                                   \
  EXPORT_KERNEL(classifier_loss##suffix)

CLASSIFIER(_f32, float)
CLASSIFIER(_bf16, bf16)
CLASSIFIER(_f16, f16)

/// Adds the losses of rows to the step's loss: one block, in float64.
KERNEL(1024, add_losses)(const float* __restrict__ losses, int rows, StepControl* control) {
  SHARED(double, slots, [32]);
  double sum = 0.0;
#pragma unroll 4
  for (int row = threadIdx.x; row < rows; row += blockDim.x) {
    sum += static_cast<double>(losses[row]);
  }
  sum = block_sum(sum, slots);
  if (threadIdx.x == 0) {
    control->loss_sum += sum;
  }
}
EXPORT_KERNEL(add_losses)
