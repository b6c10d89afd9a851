// Matrix products at the host's speed, which cuBLAS and cuBLASLt stand on. Column-major, as theirs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace emu {

/// cudaDataType_t, of what is supported.
enum class Type : int { F32 = 0, F16 = 2, BF16 = 14 };

inline size_t bytes_of(Type type) { return type == Type::F32 ? 4 : 2; }

/// cublasLtEpilogue_t: bits.
enum Epilogue : unsigned {
  EPILOGUE_DEFAULT = 1,
  EPILOGUE_RELU = 2,
  EPILOGUE_BIAS = 4,
  EPILOGUE_GELU = 32,
  EPILOGUE_AUX = 128,
  EPILOGUE_GELU_BIAS = 36,
  EPILOGUE_GELU_AUX = 160,
  EPILOGUE_GELU_AUX_BIAS = 164,
  EPILOGUE_DGELU = 192,
  EPILOGUE_DGELU_BGRAD = 208,
  EPILOGUE_BGRADA = 256,
  EPILOGUE_BGRADB = 512,
};

struct Operand {
  const void* data = nullptr;
  Type type = Type::F32;
  bool transposed = false;
  int64_t ld = 0;
};

/// D = epilogue(alpha · op(A) · op(B) + beta · C).
struct Gemm {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  Operand a;  // op(A) is m×k
  Operand b;  // op(B) is k×n
  Operand c;  // m×n, read if beta is not 0
  Operand d;
  float alpha = 1;
  float beta = 0;
  bool tf32 = false;  // F32 operands are rounded to 10 bits of mantissa
  int splits = 1;     // parts of the sum that are computed apart
  unsigned epilogue = EPILOGUE_DEFAULT;
  void* bias = nullptr;  // m elements (n for BGRADB) of type D; written by …BGRAD…
  void* aux = nullptr;   // m×n of type D
  int64_t aux_ld = 0;
};

void run_gemm(const Gemm& gemm);

}  // namespace emu
