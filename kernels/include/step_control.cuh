// The scalars of a training step in device memory: io.gptjava.core.StepControl as kernels see it.
//
// Bytes 0 to 63 are uploaded when a step begins (inputs, and results cleared), first_sample again for each micro-batch; the
// rest is written by kernels, but for what configures halting and loss scaling. Little-endian, 128 bytes.
#pragma once

#include "cuda_compat.cuh"

struct StepControl {
  uint64_t seed;
  unsigned step;
  unsigned first_sample;      // place of the micro-batch's first sample in the global batch
  float learning_rate;
  float clip_norm;            // 0 for none
  float loss_scale;           // constant factor of the loss, beside dynamic_scale
  float loss_gradient_scale;  // loss_scale / target count; 0 without targets
  double loss_sum;
  double gradient_norm;       // of the unscaled gradients
  float clip_factor;
  float gradient_factor;      // clip_factor / (loss_scale dynamic_scale)
  unsigned skipped;           // 1: the optimizer writes nothing
  unsigned zero;
  uint64_t updates;           // the t of bias correction
  float bias_correction1;     // 1 − β₁ᵗ
  float bias_correction2;     // 1 − β₂ᵗ
  unsigned halt_after_skip;   // 1: a skipped update sets halted
  unsigned halted;            // 1: the norm sets skipped whatever the gradients
  // Dynamic loss scaling: io.gptjava.core.LossScaling.
  float dynamic_scale;        // factor of the loss; 1 when off
  unsigned good_steps;        // since it changed last
  float growth_factor;
  float backoff_factor;
  unsigned growth_interval;   // good steps after which it grows; 0: off
  float lowest_scale;         // below it a skip halts
  unsigned reserved[4];
};

static_assert(sizeof(StepControl) == 128, "the host uploads it by offsets");
static_assert(offsetof(StepControl, loss_sum) == 32 && offsetof(StepControl, clip_factor) == 48, "offsets");
static_assert(offsetof(StepControl, updates) == 64 && offsetof(StepControl, bias_correction2) == 76, "offsets");
static_assert(offsetof(StepControl, halt_after_skip) == 80 && offsetof(StepControl, halted) == 84, "offsets");
static_assert(offsetof(StepControl, dynamic_scale) == 88 && offsetof(StepControl, lowest_scale) == 108, "offsets");
