// Gradient of causal attention on tensor cores, in two passes that each recompute the scores: one over tiles of queries for
// dq, one over tiles of keys for dk and dv. Nothing is added across blocks, so the same inputs give the same bits.
//
// With P the softmax, M the kept weights (0 or 1), z the dropout scale and D = rowsum(dOut out) / z:
//   dP = M (dOut v^T),  dS = P (dP - D),  dq = z dS k / sqrt(HS),  dk = z dS^T q / sqrt(HS),  dv = z (M P)^T dOut.
#pragma once

#include "attention_common.cuh"
#include "attention_dropout.cuh"
#include "attention_mma.cuh"

/// First pass: four warps own 128 queries, 32 a warp, and walk the keys from the diagonal down, as the forward kernel does.
/// It also leaves D in `correction` for the second pass.
template <int HS, bool DROPOUT>
struct AttentionQueryGradient {
  static constexpr int WARPS = 4;
  static constexpr int THREADS = WARPS * 32;
  static constexpr int MT = 2;
  static constexpr int QUERIES = WARPS * MT * 16;
  static constexpr int KEYS = 64;
  static constexpr int STEP = HS > 96 || (HS > 32 && DROPOUT) ? 16 : 32;  // keys at once: bounds the registers
  static constexpr bool KEEP_Q = HS <= 64;      // fragments in registers
  static constexpr bool KEEP_D_OUT = HS <= 32;
};

/// D of the query that `lane` of a group of lanes a row is given: each lane adds up chunks, the group adds up lanes.
template <typename T, int HS>
DEVICE float row_product(const T* __restrict__ a, const T* __restrict__ b, int lane) {
  float sum = 0.0f;
  if (lane < HS / 8) {
    const uint4 x = *reinterpret_cast<const uint4*>(a + lane * 8);
    const uint4 y = *reinterpret_cast<const uint4*>(b + lane * 8);
    const unsigned xs[4] = {x.x, x.y, x.z, x.w};
    const unsigned ys[4] = {y.x, y.y, y.z, y.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
      sum = fmaf(low_of<T>(xs[i]), low_of<T>(ys[i]), sum);
      sum = fmaf(high_of<T>(xs[i]), high_of<T>(ys[i]), sum);
    }
  }
  return sum;
}

template <typename T, int HS, bool DROPOUT>
DEVICE void attention_query_gradient(const T* __restrict__ d_out, const T* __restrict__ qkv,
                                     const T* __restrict__ out, const float* __restrict__ log_sum_exp,
                                     const int* __restrict__ first_visible, T* __restrict__ d_qkv,
                                     float* __restrict__ correction, int batch, int sequence, int heads,
                                     int heads_per_group, unsigned threshold, unsigned site,
                                     const StepControl* __restrict__ control) {
  using G = AttentionQueryGradient<HS, DROPOUT>;
  using Rows = Tile<T, HS>;
  DYN_SHARED(T, shared);
  constexpr int D_OUT_TILE = G::QUERIES * HS;    // after the queries
  constexpr int KV_TILES = 2 * G::QUERIES * HS;  // [stage][k, v][KEYS][HS]
  SHARED(float, corrections, [G::QUERIES]);

  const int tiles = (sequence + G::QUERIES - 1) / G::QUERIES;
  const AttentionWork work(tiles, batch, heads, heads_per_group);
  const int first_query = (tiles - 1 - work.tile) * G::QUERIES;  // the longest rows first
  const int width = heads * HS;
  const int stride = 3 * width;
  const int64_t sample_row = static_cast<int64_t>(work.sample) * sequence;
  const T* const q_rows = qkv + sample_row * stride + work.head * HS;
  const int* const visible = first_visible == nullptr ? nullptr : first_visible + sample_row;
  const int warp_row = static_cast<int>(threadIdx.x >> 5) * G::MT * 16;
  const int query = first_query + warp_row;  // this warp's first
  const int lane = threadIdx.x & 31;
  const VisibleRange block_sees(visible, first_query, G::QUERIES, sequence);
  const VisibleRange warp_sees(visible, query, G::MT * 16, sequence);
  const AttentionDropout<DROPOUT> dropout(threshold, site, control, work.sample * heads + work.head, heads, sequence);
  const float scale = LOG2_E * rsqrtf(static_cast<float>(HS));

  const auto load_keys = [&](int tile, int stage) {
    const T* const from = q_rows + width + static_cast<int64_t>(tile * G::KEYS) * stride;
    T* const to = shared + KV_TILES + stage * 2 * G::KEYS * HS;
    Rows::template load<G::KEYS, G::THREADS>(to, from, stride, sequence - tile * G::KEYS);
    Rows::template load<G::KEYS, G::THREADS>(to + G::KEYS * HS, from + width, stride, sequence - tile * G::KEYS);
    ptx::cp_async_commit();
  };

  int tile = (min(first_query + G::QUERIES, sequence) - 1) / G::KEYS;
  const int last_tile = block_sees.lowest / G::KEYS;
  const int64_t plain = (sample_row + first_query) * width + work.head * HS;
  Rows::template load<G::QUERIES, G::THREADS>(shared, q_rows + static_cast<int64_t>(first_query) * stride, stride, sequence - first_query);
  Rows::template load<G::QUERIES, G::THREADS>(shared + D_OUT_TILE, d_out + plain, width, sequence - first_query);
  load_keys(tile, 0);

  // D of this warp's rows, a group of lanes a row, while the copies are under way.
  const int64_t statistics = static_cast<int64_t>(work.sample * heads + work.head) * sequence;
  constexpr int GROUP = HS > 64 ? 16 : HS / 8;
#pragma unroll
  for (int i = 0; i < G::MT * 16; i += 32 / GROUP) {
    const int row = warp_row + i + lane / GROUP;
    float sum = 0.0f;
    if (first_query + row < sequence) {
      const int64_t at = plain + static_cast<int64_t>(row) * width;
      sum = row_product<T, HS>(d_out + at, out + at, lane % GROUP);
    }
#pragma unroll
    for (int distance = GROUP / 2; distance > 0; distance >>= 1) {
      sum += __shfl_xor_sync(FULL_WARP, sum, distance);
    }
    sum /= dropout.scale();
    if (lane % GROUP == 0) {
      corrections[row] = sum;
      if (first_query + row < sequence) {
        correction[statistics + first_query + row] = sum;
      }
    }
  }
  __syncwarp();
  float d[G::MT][2];
  float log_sum[G::MT][2];  // base 2
#pragma unroll
  for (int m = 0; m < G::MT; m++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int row = m * 16 + half * 8 + (lane >> 2);
      d[m][half] = corrections[warp_row + row];
      // A row beyond the sequence has weights 2^-inf = 0.
      log_sum[m][half] = query + row < sequence ? LOG2_E * log_sum_exp[statistics + query + row] : INFINITY;
    }
  }

  Operand<T, HS, G::MT, G::KEEP_Q> q;
  Operand<T, HS, G::MT, G::KEEP_D_OUT> d_o;
  float d_q[G::MT][HS / 8][4];
  clear(d_q);
  bool fresh = true;
  for (int stage = 0; tile >= last_tile; tile--, stage ^= 1) {
    ptx::cp_async_wait<0>();
    __syncthreads();  // this tile is there, and nobody reads the other stage any more
    if (fresh) {
      q.load(shared, warp_row * HS);
      d_o.load(shared, D_OUT_TILE + warp_row * HS);
      fresh = false;
    }
    if (tile > last_tile) {
      load_keys(tile - 1, stage ^ 1);
    }
    const int tiles_place = KV_TILES + stage * 2 * G::KEYS * HS;
#pragma unroll 1
    for (int step = 0; step < G::KEYS; step += G::STEP) {
      const int key = tile * G::KEYS + step;
      if (key > query + G::MT * 16 - 1 || key + G::STEP <= warp_sees.lowest) {
        continue;
      }
      float s[G::MT][G::STEP / 8][4];
      float d_p[G::MT][G::STEP / 8][4];
      clear(s);
      clear(d_p);
      const int columns = tiles_place + step * HS + Rows::lane_columns();
      multiply_transposed<HS, T>(s, q, shared, columns);
      multiply_transposed<HS, T>(d_p, d_o, shared, columns + G::KEYS * HS);
      if (key + G::STEP - 1 > query || key < warp_sees.highest) {
        mask_scores(s, query, key, visible, sequence);
      }
      dropout.apply(d_p, query, key);
#pragma unroll
      for (int m = 0; m < G::MT; m++) {
#pragma unroll
        for (int n = 0; n < G::STEP / 8; n++) {
#pragma unroll
          for (int i = 0; i < 4; i++) {
            const float weight = ptx::ex2(fmaf(s[m][n][i], scale, -log_sum[m][i / 2]));
            s[m][n][i] = weight * (d_p[m][n][i] - d[m][i / 2]);
          }
        }
      }
      multiply<HS, T>(d_q, s, shared, tiles_place + step * HS + Rows::lane_rows());
    }
  }

  float factor[G::MT][2];
#pragma unroll
  for (int m = 0; m < G::MT; m++) {
    factor[m][0] = factor[m][1] = dropout.scale() * rsqrtf(static_cast<float>(HS));
  }
  T* const to = d_qkv + (sample_row + query) * stride + work.head * HS;
  Rows::template store<G::MT>(shared, warp_row, d_q, factor, to, stride, sequence - query);
}
