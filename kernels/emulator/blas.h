// What cuBLAS and cuBLASLt have in common.
#pragma once

#include <algorithm>
#include <cstdio>

#include "driver.h"
#include "gemm.h"

/// cublasStatus_t.
enum BlasStatus : int {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_NOT_INITIALIZED = 1,
  CUBLAS_STATUS_INVALID_VALUE = 7,
  CUBLAS_STATUS_EXECUTION_FAILED = 13,
  CUBLAS_STATUS_NOT_SUPPORTED = 15,
};

namespace emu {

constexpr int CUBLAS_VERSION = 120804;
constexpr size_t WORKSPACE_ALIGNMENT = 256;

// cublasComputeType_t
constexpr int COMPUTE_32F = 68;
constexpr int COMPUTE_32F_PEDANTIC = 69;
constexpr int COMPUTE_32F_FAST_TF32 = 77;

inline bool known_type(int type) {
  return type == static_cast<int>(Type::F32) || type == static_cast<int>(Type::F16) || type == static_cast<int>(Type::BF16);
}

/// Whether the library multiplies these types: F32 to F32, a 16-bit type to itself or to F32.
inline bool known_types(int a, int b, int c, int d, int compute) {
  const bool floats = a == static_cast<int>(Type::F32) && d == static_cast<int>(Type::F32);
  const bool halves = a != static_cast<int>(Type::F32) && known_type(a) && (d == a || d == static_cast<int>(Type::F32));
  const bool computes = compute == COMPUTE_32F || compute == COMPUTE_32F_PEDANTIC ||
                        (compute == COMPUTE_32F_FAST_TF32 && floats);
  return a == b && c == d && (floats || halves) && computes;
}

/// Why a refusal, for whoever reads the log: the library says only a number.
inline int refuse(int status, const char* call, const std::string& reason) {
  std::fprintf(stderr, "CUDA emulator: %s: %s\n", call, reason.c_str());
  return status;
}

/// Bytes from a column-major matrix's first element to its last.
inline size_t extent(int64_t rows, int64_t columns, const Operand& m) {
  return rows == 0 || columns == 0 ? 0 : static_cast<size_t>((columns - 1) * m.ld + rows) * bytes_of(m.type);
}

/// Puts the product on the stream; there, memory outside of device allocations is the device's failure.
CUresult submit_gemm(const std::shared_ptr<Stream>& stream, const Gemm& gemm);

}  // namespace emu
