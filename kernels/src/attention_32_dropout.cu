// Attention for heads of 32 in bf16 on tensor cores, with dropout. Roofline and launch shapes: attention_kernels.cuh; the
// masks add one Philox block, some 60 integer instructions, to eight weights in each pass.
#include "attention_kernels.cuh"

ATTENTION_KERNELS(bf16, 32, 32_dropout_bf16, true)
