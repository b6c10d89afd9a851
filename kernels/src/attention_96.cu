// Attention for heads of 96 in bf16 on tensor cores, without dropout. Roofline and launch shapes: attention_kernels.cuh.
#include "attention_kernels.cuh"

ATTENTION_KERNELS(bf16, 96, 96_bf16, false)
