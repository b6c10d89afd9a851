// Attention for heads of 96 in fp16 on tensor cores, without dropout. Roofline and launch shapes: attention_kernels.cuh.
#include "attention_kernels.cuh"

ATTENTION_KERNELS(f16, 96, 96_f16, false)
