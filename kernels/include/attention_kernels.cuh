// The three tensor-core attention kernels of one 16-bit type and head size, with or without dropout. A module each, so that the
// driver compiles only what a model needs.
//
// Roofline. With F = 2 T T HS flops a head, which is half a T by T product with HS (causal): forward 2 F, gradient 5 F. The
// arithmetic intensity, about T / 4 flops a byte, leaves memory behind from T = 512: the tensor cores are the bound. On one
// H100 mma.sync reaches about 62 % of the 989 TFLOP/s that wgmma has; products with 32 rows a warp need 128 to 192 bytes of
// shared memory each (1 to 1.5 of the 1.6 cycles that the product itself takes), with 16 rows 256 bytes: hence 32 wherever
// the registers allow. Blocks on the diagonal cost about 10 % at T = 1024. Aim at 210 TFLOP/s forward, 150 backward.
//
// Gradient in two passes: 7 F are computed for the 5 F that count, because both passes recompute scores and dP. Adding dq
// across blocks of keys instead needs float atomics (not reproducible) or a fixed order of blocks (semaphores, a trip of dS
// through shared memory with two more barriers a tile, fp32 dq in memory); the two passes need neither, and only one barrier a
// tile each.
//
// Launch. Grid: batch * heads * tiles blocks in x, tiles = ceil(sequence / 128). Threads and dynamic shared memory:
//   forward        128                      (128 + 4 * 64) * HS * 2 bytes
//   query_gradient 128                      (2 * 128 + 4 * 64) * HS * 2 bytes
//   key_gradient   128; 256 where HS > 64, or > 32 with dropout
//                                           (2 * 128 + 4 * 64) * HS * 2 bytes
// Two blocks of 128 threads (or one of 256) fit a multiprocessor by their registers; heads_per_group heads at a time share the
// L2 cache (AttentionWork). query_gradient goes first: it writes correction (B, NH, T) fp32, which key_gradient reads.
//
// qkv, d_qkv (B, T, 3C); out, d_out (B, T, C); log_sum_exp (B, NH, T), may be null in forward; first_visible (B, T) or null.
#pragma once

#include "attention_forward.cuh"
#include "attention_key_gradient.cuh"
#include "attention_query_gradient.cuh"

/// Kernels attention_{forward, query_gradient, key_gradient}_NAME.
#define ATTENTION_KERNELS(T, HS, NAME, DROPOUT)                                                                               \
  KERNEL((AttentionForward<HS, DROPOUT>::THREADS), attention_forward_##NAME)                                                  \
  (const T* __restrict__ qkv, const int* __restrict__ first_visible, T* __restrict__ out,                                     \
   float* __restrict__ log_sum_exp, int batch, int sequence, int heads, int heads_per_group, unsigned threshold, unsigned site,\
   const StepControl* __restrict__ control) {                                                                                 \
    attention_forward<T, HS, DROPOUT>(qkv, first_visible, out, log_sum_exp, batch, sequence, heads, heads_per_group,          \
                                          threshold, site, control);                                                          \
  }                                                                                                                           \
  EXPORT_KERNEL(attention_forward_##NAME)                                                                                     \
                                                                                                                              \
  KERNEL((AttentionQueryGradient<HS, DROPOUT>::THREADS), attention_query_gradient_##NAME)                                     \
  (const T* __restrict__ d_out, const T* __restrict__ qkv, const T* __restrict__ out,                                         \
   const float* __restrict__ log_sum_exp, const int* __restrict__ first_visible, T* __restrict__ d_qkv,                       \
   float* __restrict__ correction, int batch, int sequence, int heads, int heads_per_group, unsigned threshold, unsigned site,\
   const StepControl* __restrict__ control) {                                                                                 \
    attention_query_gradient<T, HS, DROPOUT>(d_out, qkv, out, log_sum_exp, first_visible, d_qkv, correction, batch,           \
                                                 sequence, heads, heads_per_group, threshold, site, control);                 \
  }                                                                                                                           \
  EXPORT_KERNEL(attention_query_gradient_##NAME)                                                                              \
                                                                                                                              \
  KERNEL((AttentionKeyGradient<HS, DROPOUT>::THREADS), attention_key_gradient_##NAME)                                         \
  (const T* __restrict__ d_out, const T* __restrict__ qkv, const float* __restrict__ log_sum_exp,                             \
   const float* __restrict__ correction, const int* __restrict__ first_visible, T* __restrict__ d_qkv, int batch,             \
   int sequence, int heads, int heads_per_group, unsigned threshold, unsigned site, const StepControl* __restrict__ control) {\
    attention_key_gradient<T, HS, DROPOUT>(d_out, qkv, log_sum_exp, correction, first_visible, d_qkv, batch, sequence,        \
                                               heads, heads_per_group, threshold, site, control);                             \
  }                                                                                                                           \
  EXPORT_KERNEL(attention_key_gradient_##NAME)
