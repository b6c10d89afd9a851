// Causal attention for what the tensor cores do not serve: fp32 (no TF32), and 16-bit heads other than 32, 64, 96, 128. Any head
// size, any T, by FMA; FlashAttention-2 form as attention_kernels.cuh, with the same two passes in the gradient.
//
// Roofline: 2 T T HS flops a head forward, 5 T T HS backward (7 computed), against 60 TFLOP/s of fp32 FMA on an H100; memory is
// behind from T = 64. A score tile takes 16 FMA for 2 reads of 16 bytes from shared memory, which is close to balance (12 of 16
// cycles); expect 20 to 30 TFLOP/s. Heads wider than a slice of 128 columns recompute the scores for each slice.
//
// Launch. Grid: batch * heads * ceil(sequence / 64) in x, ceil(head_size / SLICE) in y; 256 threads; dynamic shared memory
// (PITCH * 64 + 64 * max(SLICE, 68)) * 4 bytes. SLICE is 64 or 128, in the kernels' names. attention_plain_correction: a warp a
// (b, t, h), 8 a block; then query_gradient and key_gradient in any order. Tensors as in attention_kernels.cuh.
#include "attention_plain.cuh"
#include "reduce.cuh"

namespace plain {

/// Scores of what a query does not see become minus infinity. ROWS_ARE_QUERIES or keys.
template <bool ROWS_ARE_QUERIES>
DEVICE void mask(float (&s)[4][4], int query, int key, const int* __restrict__ visible, int sequence) {
  const int y = threadIdx.x >> 4;
  const int x = threadIdx.x & 15;
#pragma unroll
  for (int q = 0; q < 4; q++) {
    const int i = query + as_query(4 * (ROWS_ARE_QUERIES ? y : x) + q);
    const int first = visible != nullptr && i < sequence ? visible[i] : 0;
#pragma unroll
    for (int k = 0; k < 4; k++) {
      const int j = key + as_key(4 * (ROWS_ARE_QUERIES ? x : y) + k);
      if (j > i || j < first || i >= sequence) {
        (ROWS_ARE_QUERIES ? s[q][k] : s[k][q]) = -INFINITY;
      }
    }
  }
}

/// One bit for each of a thread's 4 by 4 scores, bit 4 q + k for its query q and key k: whether it is kept.
DEVICE unsigned kept_scores(const AttentionDropout<true>& dropout, bool active, int query, int key, int query_thread,
                            int key_thread) {
  if (!active) {
    return 0xffffu;
  }
  unsigned kept = 0;
#pragma unroll
  for (int pair = 0; pair < 2; pair++) {  // queries r, r+8 of two 16-position tiles
    const int tile_i = (query >> 4) + (query_thread >> 3 << 1) + pair;
    const int tile_j = (key >> 4) + (key_thread >> 2);
    kept |= dropout.kept(tile_i, tile_j, ((query_thread & 7) << 2) + (key_thread & 3)) << 8 * pair;
  }
  return kept;
}

template <typename T, int SLICE>
DEVICE void forward(const T* __restrict__ qkv, const int* __restrict__ first_visible, T* __restrict__ out,
                    float* __restrict__ log_sum_exp, int batch, int sequence, int heads, int head_size, int heads_per_group,
                    unsigned threshold, unsigned site, const StepControl* __restrict__ control) {
  DYN_SHARED(float, shared);
  float* const weights = shared;
  float* const tile = shared + TILE * PITCH;  // values, and columns of queries and keys
  const Head<T> head(batch, sequence, heads, head_size, heads_per_group, SLICE);
  const int query = ((sequence + TILE - 1) / TILE - 1 - head.work.tile) * TILE;  // the longest first
  const auto q = head.packed_rows(qkv, 0, head_size);
  const auto k = head.packed_rows(qkv, 1, head_size);
  const auto v = head.packed_rows(qkv, 2, head_size);
  const int* const visible = first_visible == nullptr ? nullptr : first_visible + head.row;
  const AttentionDropout<true> dropout(threshold, site, control, head.work.sample * heads + head.work.head, heads, sequence);
  const VisibleRange seen(visible, query, TILE, sequence);
  const float scale = 1.0f / sqrtf(static_cast<float>(head_size));
  const int y = threadIdx.x >> 4;
  const int x = threadIdx.x & 15;

  float output[4][SLICE / 16] = {};
  float maximum[4];
  float sum[4] = {};
#pragma unroll
  for (int i = 0; i < 4; i++) {
    maximum[i] = -INFINITY;
  }
  for (int key = seen.lowest / TILE * TILE; key <= query; key += TILE) {
    float s[4][4];
    multiply_rows(s, q, as_query, query, k, as_key, key, sequence, head_size, tile);
    if (key == query || key < seen.highest) {
      mask<true>(s, query, key, visible, sequence);
    }
    const unsigned kept = kept_scores(dropout, threshold != 0, query, key, y, x);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float most = fmaxf(maximum[i], scale * row_max(fmaxf(fmaxf(s[i][0], s[i][1]), fmaxf(s[i][2], s[i][3]))));
      const float reference = most == -INFINITY ? 0.0f : most;  // nothing seen yet
      const float factor = expf(maximum[i] - reference);
      maximum[i] = most;
      sum[i] *= factor;
#pragma unroll
      for (int w = 0; w < SLICE / 16; w++) {
        output[i][w] *= factor;
      }
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const float weight = expf(fmaf(s[i][j], scale, -reference));
        sum[i] += weight;
        s[i][j] = kept >> (4 * i + j) & 1 ? weight : 0.0f;
      }
    }
    put_scores(weights, s);
    __syncthreads();  // all have done with the columns, too
    stage_rows<SLICE>(tile, v, as_key, key, sequence, head.column, head_size);
    __syncthreads();
    multiply_scores<SLICE>(output, weights, tile);
  }

  float factor[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const float total = row_sum(sum[i]);
    factor[i] = dropout.scale() / total;
    const int position = query + as_query(4 * y + i);
    if (x == 0 && head.column == 0 && position < sequence && log_sum_exp != nullptr) {
      log_sum_exp[head.statistics + position] = maximum[i] + logf(total);
    }
  }
  write_rows<SLICE>(out + head.plain(head_size), head.width, as_query, query, sequence, head.column, head_size, output, factor);
}

/// D = rowsum(dOut out) / z, z the dropout scale: a warp a head of a position.
template <typename T>
DEVICE void correction(const T* __restrict__ d_out, const T* __restrict__ out, float* __restrict__ to, int batch, int sequence,
                       int heads, int head_size, unsigned threshold) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * 8 + (threadIdx.x >> 5);  // (b, t, h)
  const int lane = threadIdx.x & 31;
  if (index >= static_cast<int64_t>(batch) * sequence * heads) {
    return;
  }
  float sum = 0.0f;
  for (int d = lane; d < head_size; d += 32) {
    sum = fmaf(to_float(d_out[index * head_size + d]), to_float(out[index * head_size + d]), sum);
  }
  sum = warp_sum(sum);
  if (lane == 0) {
    const int64_t row = index / heads;
    const int64_t at = (row / sequence * heads + index % heads) * sequence + row % sequence;
    to[at] = sum * (65536.0f - static_cast<float>(threshold)) / 65536.0f;
  }
}

template <typename T, int SLICE>
DEVICE void query_gradient(const T* __restrict__ d_out, const T* __restrict__ qkv, const float* __restrict__ log_sum_exp,
                           const float* __restrict__ corrections, const int* __restrict__ first_visible,
                           T* __restrict__ d_qkv, int batch, int sequence, int heads, int head_size, int heads_per_group,
                           unsigned threshold, unsigned site, const StepControl* __restrict__ control) {
  DYN_SHARED(float, shared);
  float* const scores = shared;
  float* const tile = shared + TILE * PITCH;
  const Head<T> head(batch, sequence, heads, head_size, heads_per_group, SLICE);
  const int query = ((sequence + TILE - 1) / TILE - 1 - head.work.tile) * TILE;  // the longest first
  const auto q = head.packed_rows(qkv, 0, head_size);
  const auto k = head.packed_rows(qkv, 1, head_size);
  const auto v = head.packed_rows(qkv, 2, head_size);
  const auto d_o = head.plain_rows(d_out, head_size);
  const int* const visible = first_visible == nullptr ? nullptr : first_visible + head.row;
  const AttentionDropout<true> dropout(threshold, site, control, head.work.sample * heads + head.work.head, heads, sequence);
  const VisibleRange seen(visible, query, TILE, sequence);
  const float scale = 1.0f / sqrtf(static_cast<float>(head_size));
  const int y = threadIdx.x >> 4;
  const int x = threadIdx.x & 15;

  float d_q[4][SLICE / 16] = {};
  for (int key = seen.lowest / TILE * TILE; key <= query; key += TILE) {
    float s[4][4];
    float d_p[4][4];
    multiply_rows(s, q, as_query, query, k, as_key, key, sequence, head_size, tile);
    multiply_rows(d_p, d_o, as_query, query, v, as_key, key, sequence, head_size, tile);
    if (key == query || key < seen.highest) {
      mask<true>(s, query, key, visible, sequence);
    }
    const unsigned kept = kept_scores(dropout, threshold != 0, query, key, y, x);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int position = query + as_query(4 * y + i);
      const float log_sum = position < sequence ? log_sum_exp[head.statistics + position] : 0.0f;
      const float d = position < sequence ? corrections[head.statistics + position] : 0.0f;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const float weight = expf(fmaf(s[i][j], scale, -log_sum));
        s[i][j] = weight * ((kept >> (4 * i + j) & 1 ? d_p[i][j] : 0.0f) - d);
      }
    }
    put_scores(scores, s);
    __syncthreads();
    stage_rows<SLICE>(tile, k, as_key, key, sequence, head.column, head_size);
    __syncthreads();
    multiply_scores<SLICE>(d_q, scores, tile);
  }
  float factor[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    factor[i] = dropout.scale() * scale;
  }
  write_rows<SLICE>(d_qkv + head.packed(0, head_size), 3 * head.width, as_query, query, sequence, head.column, head_size, d_q,
                    factor);
}

template <typename T, int SLICE>
DEVICE void key_gradient(const T* __restrict__ d_out, const T* __restrict__ qkv, const float* __restrict__ log_sum_exp,
                         const float* __restrict__ corrections, const int* __restrict__ first_visible,
                         T* __restrict__ d_qkv, int batch, int sequence, int heads, int head_size, int heads_per_group,
                         unsigned threshold, unsigned site, const StepControl* __restrict__ control) {
  DYN_SHARED(float, shared);
  float* const scores = shared;
  float* const tile = shared + TILE * PITCH;
  const Head<T> head(batch, sequence, heads, head_size, heads_per_group, SLICE);
  const int key = head.work.tile * TILE;  // the first keys are seen by most: the longest first
  const auto q = head.packed_rows(qkv, 0, head_size);
  const auto k = head.packed_rows(qkv, 1, head_size);
  const auto v = head.packed_rows(qkv, 2, head_size);
  const auto d_o = head.plain_rows(d_out, head_size);
  const int* const visible = first_visible == nullptr ? nullptr : first_visible + head.row;
  const AttentionDropout<true> dropout(threshold, site, control, head.work.sample * heads + head.work.head, heads, sequence);
  const float scale = 1.0f / sqrtf(static_cast<float>(head_size));
  const int y = threadIdx.x >> 4;
  const int x = threadIdx.x & 15;

  float d_k[4][SLICE / 16] = {};
  float d_v[4][SLICE / 16] = {};
  for (int query = key; query < sequence; query += TILE) {
    const VisibleRange seen(visible, query, TILE, sequence);
    if (seen.lowest >= key + TILE) {
      continue;  // the same for all threads
    }
    float s[4][4];
    float d_p[4][4];
    multiply_rows(s, k, as_key, key, q, as_query, query, sequence, head_size, tile);
    multiply_rows(d_p, v, as_key, key, d_o, as_query, query, sequence, head_size, tile);
    if (key == query || key < seen.highest || query + TILE > sequence) {
      mask<false>(s, query, key, visible, sequence);
    }
    const unsigned kept = kept_scores(dropout, threshold != 0, query, key, x, y);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int position = query + as_query(4 * x + j);
      const float log_sum = position < sequence ? log_sum_exp[head.statistics + position] : 0.0f;
      const float d = position < sequence ? corrections[head.statistics + position] : 0.0f;
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const bool keep = kept >> (4 * j + i) & 1;
        const float weight = expf(fmaf(s[i][j], scale, -log_sum));
        d_p[i][j] = weight * ((keep ? d_p[i][j] : 0.0f) - d);
        s[i][j] = keep ? weight : 0.0f;
      }
    }
    put_scores(scores, s);
    __syncthreads();
    stage_rows<SLICE>(tile, d_o, as_query, query, sequence, head.column, head_size);
    __syncthreads();
    multiply_scores<SLICE>(d_v, scores, tile);
    __syncthreads();
    put_scores(scores, d_p);
    stage_rows<SLICE>(tile, q, as_query, query, sequence, head.column, head_size);
    __syncthreads();
    multiply_scores<SLICE>(d_k, scores, tile);
  }
  float factor_k[4];
  float factor_v[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    factor_v[i] = dropout.scale();
    factor_k[i] = dropout.scale() * scale;
  }
  write_rows<SLICE>(d_qkv + head.packed(1, head_size), 3 * head.width, as_key, key, sequence, head.column, head_size, d_k,
                    factor_k);
  write_rows<SLICE>(d_qkv + head.packed(2, head_size), 3 * head.width, as_key, key, sequence, head.column, head_size, d_v,
                    factor_v);
}

}  // namespace plain

#define CORRECTION(SUFFIX, T)                                                                                             \
  KERNEL(256, attention_plain_correction_##SUFFIX)                                                                         \
  (const T* __restrict__ d_out, const T* __restrict__ out, float* __restrict__ correction, int batch, int sequence,        \
   int heads, int head_size, unsigned threshold) {                                                                         \
    plain::correction(d_out, out, correction, batch, sequence, heads, head_size, threshold);                               \
  }                                                                                                                        \
  EXPORT_KERNEL(attention_plain_correction_##SUFFIX)

#define PASSES(NAME, T, SLICE)                                                                                             \
  KERNEL(plain::THREADS, attention_plain_forward_##NAME)                                                                   \
  (const T* __restrict__ qkv, const int* __restrict__ first_visible, T* __restrict__ out,                                  \
   float* __restrict__ log_sum_exp, int batch, int sequence, int heads, int head_size, int heads_per_group,                \
   unsigned threshold, unsigned site, const StepControl* __restrict__ control) {                                           \
    plain::forward<T, SLICE>(qkv, first_visible, out, log_sum_exp, batch, sequence, heads, head_size, heads_per_group,     \
                             threshold, site, control);                                                                    \
  }                                                                                                                        \
  EXPORT_KERNEL(attention_plain_forward_##NAME)                                                                            \
  KERNEL(plain::THREADS, attention_plain_query_gradient_##NAME)                                                            \
  (const T* __restrict__ d_out, const T* __restrict__ qkv, const float* __restrict__ log_sum_exp,                          \
   const float* __restrict__ correction, const int* __restrict__ first_visible, T* __restrict__ d_qkv, int batch,          \
   int sequence, int heads, int head_size, int heads_per_group, unsigned threshold, unsigned site,                         \
   const StepControl* __restrict__ control) {                                                                              \
    plain::query_gradient<T, SLICE>(d_out, qkv, log_sum_exp, correction, first_visible, d_qkv, batch, sequence, heads,     \
                                    head_size, heads_per_group, threshold, site, control);                                 \
  }                                                                                                                        \
  EXPORT_KERNEL(attention_plain_query_gradient_##NAME)                                                                     \
  KERNEL(plain::THREADS, attention_plain_key_gradient_##NAME)                                                              \
  (const T* __restrict__ d_out, const T* __restrict__ qkv, const float* __restrict__ log_sum_exp,                          \
   const float* __restrict__ correction, const int* __restrict__ first_visible, T* __restrict__ d_qkv, int batch,          \
   int sequence, int heads, int head_size, int heads_per_group, unsigned threshold, unsigned site,                         \
   const StepControl* __restrict__ control) {                                                                              \
    plain::key_gradient<T, SLICE>(d_out, qkv, log_sum_exp, correction, first_visible, d_qkv, batch, sequence, heads,       \
                                  head_size, heads_per_group, threshold, site, control);                                   \
  }                                                                                                                        \
  EXPORT_KERNEL(attention_plain_key_gradient_##NAME)

CORRECTION(f32, float)
CORRECTION(bf16, bf16)
CORRECTION(f16, f16)
PASSES(64_f32, float, 64)
PASSES(128_f32, float, 128)
PASSES(64_bf16, bf16, 64)
PASSES(64_f16, f16, 64)
PASSES(128_bf16, bf16, 128)
PASSES(128_f16, f16, 128)
