// Attention for heads of 32 in bf16 on tensor cores, without dropout. Roofline and launch shapes: attention_kernels.cuh.
#include "attention_kernels.cuh"

ATTENTION_KERNELS(bf16, 32, 32_bf16, false)
