// Causal attention forward on tensor cores: FlashAttention-2 (Dao, 2023) from packed qkv.
//
// Four warps own 128 queries of one head, 32 a warp, and walk the keys in tiles of 64 from the diagonal down to the first
// visible one; two stages in shared memory by cp.async, one barrier a tile. Scores, softmax and output stay in registers.
#pragma once

#include "attention_common.cuh"
#include "attention_dropout.cuh"
#include "attention_mma.cuh"

template <int HS, bool DROPOUT>
struct AttentionForward {
  static constexpr int WARPS = 4;
  static constexpr int THREADS = WARPS * 32;
  static constexpr int MT = 2;                    // 16-row tiles a warp: each key fragment serves two products
  static constexpr int QUERIES = WARPS * MT * 16;
  static constexpr int KEYS = 64;                 // a tile in shared memory
  static constexpr int STEP = HS <= 64 && !DROPOUT ? 64 : 32;  // keys a softmax step: bounds the registers of the scores
  static constexpr bool KEEP_QUERIES = HS <= 64;
  /// Scores may exceed the maximum that they are relative to by this power of two before the output is rescaled; with the
  /// true maximum of an earlier tile that is rare. No error comes of it: output and sum have the same reference.
  static constexpr float SLACK = 8.0f;
  /// Instead of minus infinity, which minus itself is NaN.
  static constexpr float NO_MAXIMUM = -1e30f;

  /// Running softmax of a warp's rows; of each row tile, rows g and g+8 for g = lane / 4.
  struct State {
    float output[MT][HS / 8][4];
    float maximum[MT][2];  // reference of the powers of two
    float sum[MT][2];      // this lane's columns only

    DEVICE void clear_all() {
      clear(output);
#pragma unroll
      for (int m = 0; m < MT; m++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
          maximum[m][half] = NO_MAXIMUM;
          sum[m][half] = 0.0f;
        }
      }
    }

    /// Scores to powers of two relative to the maximum, which is raised first where that is called for.
    DEVICE void exponentiate(float (&s)[MT][STEP / 8][4], float scale) {
      float largest[MT][2];
      bool raise = false;
#pragma unroll
      for (int m = 0; m < MT; m++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
          float most = s[m][0][2 * half];
#pragma unroll
          for (int n = 0; n < STEP / 8; n++) {
            most = fmaxf(most, fmaxf(s[m][n][2 * half], s[m][n][2 * half + 1]));
          }
          largest[m][half] = most * scale;
          raise |= largest[m][half] > maximum[m][half] + SLACK;
        }
      }
      if (__any_sync(FULL_WARP, raise)) {
        raise_to(largest);
      }
#pragma unroll
      for (int m = 0; m < MT; m++) {
#pragma unroll
        for (int n = 0; n < STEP / 8; n++) {
#pragma unroll
          for (int i = 0; i < 4; i++) {
            s[m][n][i] = ptx::ex2(fmaf(s[m][n][i], scale, -maximum[m][i / 2]));
            sum[m][i / 2] += s[m][n][i];
          }
        }
      }
    }

   private:
    DEVICE void raise_to(const float (&largest)[MT][2]) {
#pragma unroll
      for (int m = 0; m < MT; m++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
          const float raised = fmaxf(maximum[m][half], quad_max(largest[m][half]));
          const float factor = ptx::ex2(maximum[m][half] - raised);
          maximum[m][half] = raised;
          sum[m][half] *= factor;
#pragma unroll
          for (int n = 0; n < HS / 8; n++) {
            output[m][n][2 * half] *= factor;
            output[m][n][2 * half + 1] *= factor;
          }
        }
      }
    }
  };
};

/// The kernel's body; see the .cu file for its parameters and launch.
template <typename T, int HS, bool DROPOUT>
DEVICE void attention_forward(const T* __restrict__ qkv, const int* __restrict__ first_visible, T* __restrict__ out,
                              float* __restrict__ log_sum_exp, int batch, int sequence, int heads, int heads_per_group,
                              unsigned threshold, unsigned site, const StepControl* __restrict__ control) {
  using F = AttentionForward<HS, DROPOUT>;
  using Rows = Tile<T, HS>;
  DYN_SHARED(T, shared);
  constexpr int KV_TILES = F::QUERIES * HS;  // after the queries: [stage][k, v][KEYS][HS]

  const int tiles = (sequence + F::QUERIES - 1) / F::QUERIES;
  const AttentionWork work(tiles, batch, heads, heads_per_group);
  const int first_query = (tiles - 1 - work.tile) * F::QUERIES;  // the longest rows first
  const int width = heads * HS;
  const int stride = 3 * width;
  const T* const q_rows = qkv + static_cast<int64_t>(work.sample) * sequence * stride + work.head * HS;
  const int* const visible = first_visible == nullptr ? nullptr : first_visible + static_cast<int64_t>(work.sample) * sequence;
  const int query = first_query + static_cast<int>(threadIdx.x >> 5) * F::MT * 16;  // this warp's first
  const VisibleRange block_sees(visible, first_query, F::QUERIES, sequence);
  const VisibleRange warp_sees(visible, query, F::MT * 16, sequence);
  const AttentionDropout<DROPOUT> dropout(threshold, site, control, work.sample * heads + work.head, heads, sequence);
  const float scale = LOG2_E * rsqrtf(static_cast<float>(HS));

  const auto load_keys = [&](int tile, int stage) {
    const T* const from = q_rows + width + static_cast<int64_t>(tile * F::KEYS) * stride;
    T* const to = shared + KV_TILES + stage * 2 * F::KEYS * HS;
    Rows::template load<F::KEYS, F::THREADS>(to, from, stride, sequence - tile * F::KEYS);
    Rows::template load<F::KEYS, F::THREADS>(to + F::KEYS * HS, from + width, stride, sequence - tile * F::KEYS);
    ptx::cp_async_commit();
  };

  int tile = (min(first_query + F::QUERIES, sequence) - 1) / F::KEYS;
  const int last_tile = block_sees.lowest / F::KEYS;
  Rows::template load<F::QUERIES, F::THREADS>(shared, q_rows + static_cast<int64_t>(first_query) * stride, stride, sequence - first_query);
  load_keys(tile, 0);

  Operand<T, HS, F::MT, F::KEEP_QUERIES> q;
  typename F::State state;
  state.clear_all();
  bool fresh = true;
  for (int stage = 0; tile >= last_tile; tile--, stage ^= 1) {
    ptx::cp_async_wait<0>();
    __syncthreads();  // this tile is there, and nobody reads the other stage any more
    if (fresh) {
      q.load(shared, (query - first_query) * HS);
      fresh = false;
    }
    if (tile > last_tile) {
      load_keys(tile - 1, stage ^ 1);
    }
    const int k_place = KV_TILES + stage * 2 * F::KEYS * HS + Rows::lane_columns();
    const int v_place = KV_TILES + (stage * 2 + 1) * F::KEYS * HS + Rows::lane_rows();
#pragma unroll 1
    for (int step = 0; step < F::KEYS; step += F::STEP) {
      const int key = tile * F::KEYS + step;
      if (key > query + F::MT * 16 - 1 || key + F::STEP <= warp_sees.lowest) {
        continue;
      }
      float s[F::MT][F::STEP / 8][4];
      clear(s);
      multiply_transposed<HS, T>(s, q, shared, k_place + step * HS);
      if (key + F::STEP - 1 > query || key < warp_sees.highest) {
        mask_scores(s, query, key, visible, sequence);
      }
      state.exponentiate(s, scale);
      dropout.apply(s, query, key);
      multiply<HS, T>(state.output, s, shared, v_place + step * HS);
    }
  }

  const int lane = threadIdx.x & 31;
  float factor[F::MT][2];
  const int64_t statistics = static_cast<int64_t>(work.sample * heads + work.head) * sequence;
#pragma unroll
  for (int m = 0; m < F::MT; m++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const float sum = quad_sum(state.sum[m][half]);
      factor[m][half] = dropout.scale() / sum;
      const int row = query + m * 16 + half * 8 + (lane >> 2);
      if ((lane & 3) == 0 && row < sequence && log_sum_exp != nullptr) {
        log_sum_exp[statistics + row] = fmaf(state.maximum[m][half], LN_2, logf(sum));
      }
    }
  }
  T* const to = out + (static_cast<int64_t>(work.sample) * sequence + query) * width + work.head * HS;
  Rows::template store<F::MT>(shared, query - first_query, state.output, factor, to, width, sequence - query);
}
