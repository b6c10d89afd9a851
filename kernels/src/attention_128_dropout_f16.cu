// Attention for heads of 128 in fp16 on tensor cores, with dropout. Roofline and launch shapes: attention_kernels.cuh; the
// masks add one Philox block, some 60 integer instructions, to eight weights in each pass.
#include "attention_kernels.cuh"

ATTENTION_KERNELS(f16, 128, 128_dropout_f16, true)
