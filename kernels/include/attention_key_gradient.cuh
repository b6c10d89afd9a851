// Second pass of the gradient of causal attention on tensor cores: dk and dv, block by block of 128 keys. The scores are
// computed transposed, keys by queries, so that weights and score gradients leave their accumulators as A operands of the
// products with dOut and q, without a way through shared memory. Formulas: attention_query_gradient.cuh.
#pragma once

#include "attention_common.cuh"
#include "attention_dropout.cuh"
#include "attention_mma.cuh"

/// A warp owns 32 keys, or 16 where dk and dv of 32 would not fit the registers, and walks the queries in tiles of 64 from the
/// diagonal up.
template <int HS, bool DROPOUT>
struct AttentionKeyGradient {
  static constexpr int MT = HS <= (DROPOUT ? 32 : 64) ? 2 : 1;
  static constexpr int WARPS = 8 / MT;
  static constexpr int THREADS = WARPS * 32;
  static constexpr int KEYS = WARPS * MT * 16;
  static constexpr int QUERIES = 64;
  static constexpr int STEP = MT == 2 && (HS == 64 || DROPOUT) ? 16 : 32;  // queries at once: bounds the registers
  static constexpr bool KEEP_K = HS <= 64;         // fragments in registers
  static constexpr bool KEEP_V = HS <= 64 && !(HS == 64 && MT == 2);
};

/// Statistics of a tile's queries in shared memory.
struct AttentionRows {
  float2 statistics[64];  // base-2 log-sum-exp and D
  int first_visible[64];
};

/// A thread's part of the statistics on their way from global to shared memory: the first 64 threads have the log-sum-exp and
/// the first visible key of a query, the next 64 D.
struct AttentionRowLoad {
  float value = 0.0f;
  int first = 0;

  DEVICE void fetch(const float* __restrict__ log_sum_exp, const float* __restrict__ correction,
                    const int* __restrict__ visible, int query, int sequence) {
    const int thread = threadIdx.x;
    const int row = query + (thread & 63);
    if (thread < 64) {
      // A row beyond the sequence has weights 2^-inf = 0.
      value = row < sequence ? LOG2_E * log_sum_exp[row] : INFINITY;
      first = visible != nullptr && row < sequence ? visible[row] : 0;
    } else if (thread < 128) {
      value = row < sequence ? correction[row] : 0.0f;
    }
  }

  DEVICE void put(AttentionRows& rows) const {
    const int thread = threadIdx.x;
    if (thread < 64) {
      rows.statistics[thread].x = value;
      rows.first_visible[thread] = first;
    } else if (thread < 128) {
      rows.statistics[thread - 64].y = value;
    }
  }
};

/// Scores, transposed, of queries that do not see the key become minus infinity.
template <int MT, int NT>
DEVICE void mask_transposed(float (&s)[MT][NT][4], int key, int query, const int* first_visible) {
  const int lane = threadIdx.x & 31;
#pragma unroll
  for (int n = 0; n < NT; n++) {
#pragma unroll
    for (int e = 0; e < 2; e++) {
      const int column = n * 8 + 2 * (lane & 3) + e;
      const int first = first_visible[column];
#pragma unroll
      for (int m = 0; m < MT; m++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
          const int row = key + m * 16 + half * 8 + (lane >> 2);
          if (row > query + column || row < first) {
            s[m][n][2 * half + e] = -INFINITY;
          }
        }
      }
    }
  }
}

/// Last query that sees one of the keys up to `last_key`; every lane of the warp gets it.
DEVICE int last_seeing(const int* __restrict__ visible, int from, int last_key, int sequence) {
  if (visible == nullptr) {
    return sequence - 1;
  }
  int last = from;
  for (int i = from + static_cast<int>(threadIdx.x & 31); i < sequence; i += 32) {
    last = visible[i] <= last_key ? i : last;
  }
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1) {
    last = max(last, __shfl_xor_sync(FULL_WARP, last, distance));
  }
  return last;
}

/// The kernel's body; see the .cu file for its parameters and launch.
template <typename T, int HS, bool DROPOUT>
DEVICE void attention_key_gradient(const T* __restrict__ d_out, const T* __restrict__ qkv,
                                   const float* __restrict__ log_sum_exp, const float* __restrict__ correction,
                                   const int* __restrict__ first_visible, T* __restrict__ d_qkv, int batch,
                                   int sequence, int heads, int heads_per_group, unsigned threshold, unsigned site,
                                   const StepControl* __restrict__ control) {
  using G = AttentionKeyGradient<HS, DROPOUT>;
  using Rows = Tile<T, HS>;
  DYN_SHARED(T, shared);
  constexpr int V_TILE = G::KEYS * HS;         // after the keys
  constexpr int ROW_TILES = 2 * G::KEYS * HS;  // [stage][q, dOut][QUERIES][HS]
  SHARED(AttentionRows, rows, [2]);

  const AttentionWork work((sequence + G::KEYS - 1) / G::KEYS, batch, heads, heads_per_group);
  const int first_key = work.tile * G::KEYS;  // the first keys are seen by most queries: the longest first
  const int width = heads * HS;
  const int stride = 3 * width;
  const int64_t sample_row = static_cast<int64_t>(work.sample) * sequence;
  const T* const q_rows = qkv + sample_row * stride + work.head * HS;
  const T* const d_out_rows = d_out + sample_row * width + work.head * HS;
  const int64_t statistics = static_cast<int64_t>(work.sample * heads + work.head) * sequence;
  const int* const visible = first_visible == nullptr ? nullptr : first_visible + sample_row;
  const int warp_row = static_cast<int>(threadIdx.x >> 5) * G::MT * 16;
  const int key = first_key + warp_row;  // this warp's first
  const int lane = threadIdx.x & 31;
  const AttentionDropout<DROPOUT> dropout(threshold, site, control, work.sample * heads + work.head, heads, sequence);
  const float scale = LOG2_E * rsqrtf(static_cast<float>(HS));

  const auto load_rows = [&](int tile, int stage) {
    const int64_t from = tile * G::QUERIES;
    const int count = sequence - tile * G::QUERIES;
    T* const to = shared + ROW_TILES + stage * 2 * G::QUERIES * HS;
    Rows::template load<G::QUERIES, G::THREADS>(to, q_rows + from * stride, stride, count);
    Rows::template load<G::QUERIES, G::THREADS>(to + G::QUERIES * HS, d_out_rows + from * width, width, count);
    ptx::cp_async_commit();
  };

  int tile = first_key / G::QUERIES;
  const int last_key = min(first_key + G::KEYS, sequence) - 1;
  const int last_tile = last_seeing(visible, first_key, last_key, sequence) / G::QUERIES;
  const T* const k_rows = q_rows + static_cast<int64_t>(first_key) * stride + width;
  Rows::template load<G::KEYS, G::THREADS>(shared, k_rows, stride, sequence - first_key);
  Rows::template load<G::KEYS, G::THREADS>(shared + V_TILE, k_rows + width, stride, sequence - first_key);
  load_rows(tile, 0);
  AttentionRowLoad next;
  next.fetch(log_sum_exp + statistics, correction + statistics, visible, tile * G::QUERIES, sequence);
  next.put(rows[0]);

  Operand<T, HS, G::MT, G::KEEP_K> k;
  Operand<T, HS, G::MT, G::KEEP_V> v;
  float d_k[G::MT][HS / 8][4];
  float d_v[G::MT][HS / 8][4];
  clear(d_k);
  clear(d_v);
  bool fresh = true;
  for (int stage = 0; tile <= last_tile; tile++, stage ^= 1) {
    ptx::cp_async_wait<0>();
    __syncthreads();  // this tile is there, and nobody reads the other stage any more
    if (fresh) {
      k.load(shared, warp_row * HS);
      v.load(shared, V_TILE + warp_row * HS);
      fresh = false;
    }
    if (tile < last_tile) {
      load_rows(tile + 1, stage ^ 1);
      next.fetch(log_sum_exp + statistics, correction + statistics, visible, (tile + 1) * G::QUERIES, sequence);
    }
    const int tiles_place = ROW_TILES + stage * 2 * G::QUERIES * HS;
#pragma unroll 1
    for (int step = 0; step < G::QUERIES; step += G::STEP) {
      const int query = tile * G::QUERIES + step;
      VisibleRange seen;
      if (visible != nullptr) {
        seen = VisibleRange(rows[stage].first_visible, step, G::STEP, G::QUERIES);
      }
      if (query + G::STEP - 1 < key || key + G::MT * 16 - 1 < seen.lowest) {
        continue;
      }
      float s[G::MT][G::STEP / 8][4];
      float d_p[G::MT][G::STEP / 8][4];
      clear(s);
      clear(d_p);
      const int columns = tiles_place + step * HS + Rows::lane_columns();
      multiply_transposed<HS, T>(s, k, shared, columns);
      multiply_transposed<HS, T>(d_p, v, shared, columns + G::QUERIES * HS);
      if (query < key + G::MT * 16 - 1 || key < seen.highest) {
        mask_transposed(s, key, query, rows[stage].first_visible + step);
      }
#pragma unroll
      for (int n = 0; n < G::STEP / 8; n += 2) {
        float4 row[2];  // log-sum-exp and D of queries 2c and 2c+1, c = lane % 4
#pragma unroll
        for (int right = 0; right < 2; right++) {
          row[right] = *reinterpret_cast<const float4*>(&rows[stage].statistics[step + (n + right) * 8 + 2 * (lane & 3)]);
        }
#pragma unroll
        for (int m = 0; m < G::MT; m++) {
          const auto mask = dropout.draw_transposed((query + n * 8) >> 4, (key >> 4) + m);
#pragma unroll
          for (int right = 0; right < 2; right++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
              const float log_sum = i & 1 ? row[right].z : row[right].x;
              const float d = i & 1 ? row[right].w : row[right].y;
              float& weight = s[m][n + right][i];
              float& gradient = d_p[m][n + right][i];
              const bool kept = mask.keeps(right, i);
              weight = ptx::ex2(fmaf(weight, scale, -log_sum));
              gradient = weight * ((kept ? gradient : 0.0f) - d);
              weight = kept ? weight : 0.0f;
            }
          }
        }
      }
      const int place = tiles_place + step * HS + Rows::lane_rows();
      multiply<HS, T>(d_v, s, shared, place + G::QUERIES * HS);
      multiply<HS, T>(d_k, d_p, shared, place);
    }
    if (tile < last_tile) {
      next.put(rows[stage ^ 1]);
    }
  }

  float factor_k[G::MT][2];
  float factor_v[G::MT][2];
#pragma unroll
  for (int m = 0; m < G::MT; m++) {
    factor_v[m][0] = factor_v[m][1] = dropout.scale();
    factor_k[m][0] = factor_k[m][1] = dropout.scale() * rsqrtf(static_cast<float>(HS));
  }
  T* const to = d_qkv + (sample_row + key) * stride + width + work.head * HS;
  Rows::template store<G::MT>(shared, warp_row, d_k, factor_k, to, stride, sequence - key);
  Rows::template store<G::MT>(shared + V_TILE, warp_row, d_v, factor_v, to + width, stride, sequence - key);
}
