// Attention of T new positions over a cache of keys and values, for generation. No dropout.
//
// Roofline: bytes. One position reads all keys and values before it once, 2 (first_position + 1) HS elements a head; one block
// a head and new position reads them with 16-byte loads, eight in flight a thread, 16 warps, and one pass (each group of lanes
// has a softmax of its own; they are joined at the end). One multiprocessor moves some 100 GB/s, so a head of 1024 positions of
// 64 bf16 takes about 3 us, however many heads there are.
//
// Launch. Grid (heads, T, batch).
//   attention_cached        512 threads; head_size a multiple of a 16-byte pack and at most 32 packs; group = lanes a key, the
//                           power of two (at most 32) that is at least head_size / pack
//   attention_cached_plain  256 threads, dynamic shared memory (2 head_size + 256) * 4 bytes; any head size
//   attention_append        only the copy into the cache, 128 threads; a prompt is then attended to by the training kernel
//
// qkv (B, T, 3C); key_cache, value_cache (B, NH, capacity, HS); out (B, T, C). New keys are read from qkv, so that blocks need not
// wait for each other's copies into the cache.
#include "reduce.cuh"
#include "vector.cuh"

namespace cached {

/// Keys or values of one head: from the cache, and from qkv for the new positions.
template <typename T>
struct Positions {
  const T* __restrict__ old;
  const T* __restrict__ fresh;
  int64_t stride;  // of fresh
  int first;       // position of fresh's first row
  int head_size;

  DEVICE const T* row(int position) const {
    return position < first ? old + static_cast<int64_t>(position) * head_size
                            : fresh + static_cast<int64_t>(position - first) * stride;
  }
};

/// One head of one new position.
template <typename T>
struct Query {
  int head_size;
  int position;  // in the sequence
  const T* q;
  int64_t out;  // first element of the result
  Positions<T> keys;
  Positions<T> values;

  DEVICE Query(const T* __restrict__ qkv, const T* key_cache, const T* value_cache, int sequence, int head_size, int capacity,
               int first_position)
      : head_size(head_size), position(first_position + static_cast<int>(blockIdx.y)) {
    const int64_t heads = gridDim.x;
    const int64_t width = heads * head_size;
    const int64_t sample_row = static_cast<int64_t>(blockIdx.z) * sequence;
    const int64_t column = static_cast<int64_t>(blockIdx.x) * head_size;
    const T* const first_row = qkv + sample_row * 3 * width + column;
    const int64_t cache = (blockIdx.z * heads + blockIdx.x) * capacity * head_size;
    q = first_row + blockIdx.y * 3 * width;
    out = (sample_row + blockIdx.y) * width + column;
    keys = {key_cache + cache, first_row + width, 3 * width, first_position, head_size};
    values = {value_cache + cache, first_row + 2 * width, 3 * width, first_position, head_size};
  }

  /// Copies the new position's key and value into the cache.
  DEVICE void append(T* key_cache, T* value_cache, int capacity) const {
    const int64_t cache =
        ((static_cast<int64_t>(blockIdx.z) * gridDim.x + blockIdx.x) * capacity + position) * static_cast<int64_t>(head_size);
    const T* const key = keys.row(position);
    const T* const value = values.row(position);
    for (int d = static_cast<int>(threadIdx.x); d < head_size; d += static_cast<int>(blockDim.x)) {
      key_cache[cache + d] = key[d];
      value_cache[cache + d] = value[d];
    }
  }
};

constexpr int WARPS = 16;
constexpr int AHEAD = 4;  // keys, and as many values, that a group loads before it uses the first

/// Softmax over some keys, of which a lane has SIZE columns of the output.
template <int SIZE>
struct Softmax {
  float maximum = -INFINITY;
  float sum = 0.0f;
  float output[SIZE] = {};

  /// Takes another maximum as reference; gives what the sum and the output were multiplied by.
  DEVICE void refer_to(float reference) {
    const float factor = maximum == -INFINITY ? 0.0f : expf(maximum - reference);
    maximum = reference;
    sum *= factor;
#pragma unroll
    for (int i = 0; i < SIZE; i++) {
      output[i] *= factor;
    }
  }
};

template <typename T>
DEVICE void attend(const T* __restrict__ qkv, T* key_cache, T* value_cache, T* __restrict__ out, int sequence, int head_size,
                   int capacity, int first_position, int group) {
  constexpr int SIZE = Pack<T>::size;
  SHARED(float, outputs, [WARPS][32 * SIZE]);
  SHARED(float2, states, [WARPS]);
  const Query<T> query(qkv, key_cache, value_cache, sequence, head_size, capacity, first_position);
  query.append(key_cache, value_cache, capacity);

  const int warp = threadIdx.x >> 5;
  const int lane = threadIdx.x & 31;
  const int column = (lane & (group - 1)) * SIZE;
  const bool has_columns = column < head_size;
  const int groups = WARPS * 32 / group;
  const int first = static_cast<int>(threadIdx.x) / group;
  const float scale = 1.0f / sqrtf(static_cast<float>(head_size));
  float q[SIZE] = {};
  if (has_columns) {
    unpack(load(query.q + column), q);
  }

  Softmax<SIZE> softmax;
  for (int base = 0; base <= query.position; base += groups * AHEAD) {
    Pack<T> keys[AHEAD];
    Pack<T> values[AHEAD];
#pragma unroll
    for (int u = 0; u < AHEAD; u++) {
      const int position = base + u * groups + first;
      keys[u] = values[u] = Pack<T>{make_uint4(0, 0, 0, 0)};
      if (position <= query.position && has_columns) {
        keys[u] = load(query.keys.row(position) + column);
        values[u] = load(query.values.row(position) + column);
      }
    }
    float scores[AHEAD];
    float most = softmax.maximum;
#pragma unroll
    for (int u = 0; u < AHEAD; u++) {
      float key[SIZE];
      unpack(keys[u], key);
      float sum = 0.0f;
#pragma unroll
      for (int i = 0; i < SIZE; i++) {
        sum = fmaf(q[i], key[i], sum);
      }
      for (int distance = group / 2; distance > 0; distance >>= 1) {
        sum += __shfl_xor_sync(FULL_WARP, sum, distance);
      }
      scores[u] = base + u * groups + first <= query.position ? scale * sum : -INFINITY;
      most = fmaxf(most, scores[u]);
    }
    if (most == -INFINITY) {
      continue;  // this group has no key yet; no lane waits for another below
    }
    softmax.refer_to(most);
#pragma unroll
    for (int u = 0; u < AHEAD; u++) {
      const float weight = expf(scores[u] - most);
      float value[SIZE];
      unpack(values[u], value);
      softmax.sum += weight;
#pragma unroll
      for (int i = 0; i < SIZE; i++) {
        softmax.output[i] = fmaf(weight, value[i], softmax.output[i]);
      }
    }
  }

  // Groups of a warp, then warps.
  float most = softmax.maximum;
  for (int distance = 16; distance >= group; distance >>= 1) {
    most = fmaxf(most, __shfl_xor_sync(FULL_WARP, most, distance));
  }
  softmax.refer_to(most == -INFINITY ? 0.0f : most);
  for (int distance = 16; distance >= group; distance >>= 1) {
    softmax.sum += __shfl_xor_sync(FULL_WARP, softmax.sum, distance);
#pragma unroll
    for (int i = 0; i < SIZE; i++) {
      softmax.output[i] += __shfl_xor_sync(FULL_WARP, softmax.output[i], distance);
    }
  }
  if (lane < group) {
#pragma unroll
    for (int i = 0; i < SIZE; i++) {
      outputs[warp][column + i] = softmax.output[i];
    }
  }
  if (lane == 0) {
    states[warp] = make_float2(most, softmax.sum);
  }
  __syncthreads();
  float greatest = states[0].x;
#pragma unroll
  for (int w = 1; w < WARPS; w++) {
    greatest = fmaxf(greatest, states[w].x);
  }
  for (int d = static_cast<int>(threadIdx.x); d < head_size; d += WARPS * 32) {
    float total = 0.0f;
    float value = 0.0f;
#pragma unroll
    for (int w = 0; w < WARPS; w++) {
      const float factor = expf(states[w].x - greatest);
      total = fmaf(factor, states[w].y, total);
      value = fmaf(factor, outputs[w][d], value);
    }
    out[query.out + d] = from_float<T>(value / total);
  }
}

template <typename T>
DEVICE void attend_plain(const T* __restrict__ qkv, T* key_cache, T* value_cache, T* __restrict__ out, int sequence,
                         int head_size, int capacity, int first_position) {
  constexpr int CHUNK = 256;  // keys, one a thread
  DYN_SHARED(float, shared);
  float* const weights = shared;
  float* const q = weights + CHUNK;
  float* const output = q + head_size;
  SHARED(float, slots, [CHUNK / 32]);
  const Query<T> query(qkv, key_cache, value_cache, sequence, head_size, capacity, first_position);
  query.append(key_cache, value_cache, capacity);
  const int thread = threadIdx.x;
  const float scale = 1.0f / sqrtf(static_cast<float>(head_size));
  for (int d = thread; d < head_size; d += CHUNK) {
    q[d] = to_float(query.q[d]);
    output[d] = 0.0f;
  }
  __syncthreads();
  float maximum = -INFINITY;
  float sum = 0.0f;
  for (int base = 0; base <= query.position; base += CHUNK) {
    const int count = min(CHUNK, query.position + 1 - base);
    for (int j = thread >> 5; j < count; j += CHUNK / 32) {
      const T* const key = query.keys.row(base + j);
      float product = 0.0f;
      for (int d = thread & 31; d < head_size; d += 32) {
        product = fmaf(q[d], to_float(key[d]), product);
      }
      product = warp_sum(product);
      if ((thread & 31) == 0) {
        weights[j] = scale * product;
      }
    }
    __syncthreads();
    const float score = thread < count ? weights[thread] : -INFINITY;
    const float most = fmaxf(maximum, block_max(score, slots));
    const float factor = expf(maximum - most);
    maximum = most;
    const float weight = expf(score - most);
    weights[thread] = weight;
    sum = fmaf(sum, factor, block_sum(weight, slots));  // its barriers show the weights to all
    for (int d = thread; d < head_size; d += CHUNK) {
      float value = output[d] * factor;
      for (int j = 0; j < count; j++) {
        value = fmaf(weights[j], to_float(query.values.row(base + j)[d]), value);
      }
      output[d] = value;
    }
    __syncthreads();
  }
  for (int d = thread; d < head_size; d += CHUNK) {
    out[query.out + d] = from_float<T>(output[d] / sum);
  }
}

template <typename T>
DEVICE void append(const T* __restrict__ qkv, T* key_cache, T* value_cache, int sequence, int head_size, int capacity,
                   int first_position) {
  const Query<T> query(qkv, key_cache, value_cache, sequence, head_size, capacity, first_position);
  query.append(key_cache, value_cache, capacity);
}

}  // namespace cached

#define CACHED_KERNELS(SUFFIX, T)                                                                                        \
  KERNEL(512, attention_cached_##SUFFIX)                                                                                 \
  (const T* __restrict__ qkv, T* key_cache, T* value_cache, T* __restrict__ out, int sequence, int head_size,            \
   int capacity, int first_position, int group) {                                                                        \
    cached::attend(qkv, key_cache, value_cache, out, sequence, head_size, capacity, first_position, group);              \
  }                                                                                                                      \
  EXPORT_KERNEL(attention_cached_##SUFFIX)                                                                               \
  KERNEL(256, attention_cached_plain_##SUFFIX)                                                                           \
  (const T* __restrict__ qkv, T* key_cache, T* value_cache, T* __restrict__ out, int sequence, int head_size,            \
   int capacity, int first_position) {                                                                                   \
    cached::attend_plain(qkv, key_cache, value_cache, out, sequence, head_size, capacity, first_position);               \
  }                                                                                                                      \
  EXPORT_KERNEL(attention_cached_plain_##SUFFIX)                                                                         \
  KERNEL(128, attention_append_##SUFFIX)                                                                                 \
  (const T* __restrict__ qkv, T* key_cache, T* value_cache, int sequence, int head_size, int capacity,                   \
   int first_position) {                                                                                                 \
    cached::append(qkv, key_cache, value_cache, sequence, head_size, capacity, first_position);                          \
  }                                                                                                                      \
  EXPORT_KERNEL(attention_append_##SUFFIX)

CACHED_KERNELS(f32, float)
CACHED_KERNELS(bf16, bf16)
CACHED_KERNELS(f16, f16)
