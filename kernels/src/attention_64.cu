// Attention for heads of 64 in bf16 on tensor cores, without dropout. Roofline and launch shapes: attention_kernels.cuh.
#include "attention_kernels.cuh"

ATTENTION_KERNELS(bf16, 64, 64_bf16, false)
