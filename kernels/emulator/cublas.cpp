// cuBLAS: handles and the general matrix product. Exported under the version that JCuda's JCublas2 is linked to as well.
#include "blas.h"

namespace emu {

namespace {

struct Blas {
  void* stream = nullptr;
  int math_mode = 0;
  int pointer_mode = 0;  // scalars on the host
};

Handles<Blas>& handles() {
  static auto* const all = new Handles<Blas>();
  return *all;
}

constexpr int TF32_MATH = 3;

/// The part of an operand that lies outside of device memory, or an empty string.
std::string outside(const char* name, const Operand& m, int64_t rows, int64_t columns) {
  const size_t bytes = extent(m.transposed ? columns : rows, m.transposed ? rows : columns, m);
  return bytes == 0 || on_device(m.data, bytes) ? "" : std::string(name) + " does not lie in one allocation; ";
}

}  // namespace

CUresult submit_gemm(const std::shared_ptr<Stream>& stream, const Gemm& gemm) {
  return submit(stream, [gemm] {
    std::string report = outside("A", gemm.a, gemm.m, gemm.k) + outside("B", gemm.b, gemm.k, gemm.n) +
                         outside("D", gemm.d, gemm.m, gemm.n);
    if (gemm.beta != 0) {
      report += outside("C", gemm.c, gemm.m, gemm.n);
    }
    if (gemm.bias != nullptr) {
      const int64_t count = gemm.epilogue & EPILOGUE_BGRADB ? gemm.n : gemm.m;
      report += outside("bias", {gemm.bias, gemm.d.type, false, count}, count, 1);
    }
    if (gemm.aux != nullptr) {
      report += outside("auxiliary matrix", {gemm.aux, gemm.d.type, false, gemm.aux_ld}, gemm.m, gemm.n);
    }
    if (!report.empty()) {
      device_failed(CUDA_ERROR_ILLEGAL_ADDRESS, "matrix product: " + report);
      return;
    }
    run_gemm(gemm);
  });
}

/// One product of cublasGemmEx or its relatives, checked as the library does.
static int gemm(Blas& blas, const char* call, int op_a, int op_b, int m, int n, int k, const void* alpha, const void* a,
    int type_a, int lda, const void* b, int type_b, int ldb, const void* beta, void* c, int type_c, int ldc, int compute,
    int64_t stride_a, int64_t stride_b, int64_t stride_c, int batch) {
  if (ready() != CUDA_SUCCESS) {
    return CUBLAS_STATUS_EXECUTION_FAILED;
  }
  if (op_a < 0 || op_a > 2 || op_b < 0 || op_b > 2 || m < 0 || n < 0 || k < 0 || batch < 0) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "operation or size");
  }
  if (lda < std::max(1, op_a == 0 ? m : k) || ldb < std::max(1, op_b == 0 ? k : n) || ldc < std::max(1, m)) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "a leading dimension is less than the rows");
  }
  if (alpha == nullptr || beta == nullptr) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "alpha or beta is null");
  }
  if (!known_types(type_a, type_b, type_c, type_c, compute)) {
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, call, "types or compute type");
  }
  if (blas.pointer_mode != 0) {
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, call, "the emulator takes scalars from the host only");
  }
  const std::shared_ptr<Stream> stream = find_stream(blas.stream);
  if (stream == nullptr) {
    return refuse(CUBLAS_STATUS_EXECUTION_FAILED, call, "the stream is gone");
  }
  if (m == 0 || n == 0) {
    return CUBLAS_STATUS_SUCCESS;
  }
  Gemm g;
  g.m = m;
  g.n = n;
  g.k = k;
  g.alpha = *static_cast<const float*>(alpha);
  g.beta = *static_cast<const float*>(beta);
  g.tf32 = type_a == 0 && (compute == COMPUTE_32F_FAST_TF32 ||
                              (compute == COMPUTE_32F && (blas.math_mode & 0xf) == TF32_MATH));
  for (int i = 0; i < batch; ++i) {
    const auto at = [i](const void* base, int64_t stride, int type) -> const void* {
      return static_cast<const char*>(base) + i * stride * static_cast<int64_t>(bytes_of(static_cast<Type>(type)));
    };
    g.a = {at(a, stride_a, type_a), static_cast<Type>(type_a), op_a != 0, lda};
    g.b = {at(b, stride_b, type_b), static_cast<Type>(type_b), op_b != 0, ldb};
    g.c = {at(c, stride_c, type_c), static_cast<Type>(type_c), false, ldc};
    g.d = g.c;
    for (const Operand* operand : {&g.a, &g.b, &g.c}) {
      if (reinterpret_cast<uintptr_t>(operand->data) % bytes_of(operand->type) != 0) {
        return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "an operand is not aligned to its elements");
      }
    }
    if (submit_gemm(stream, g) != CUDA_SUCCESS) {
      return CUBLAS_STATUS_EXECUTION_FAILED;
    }
  }
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace emu

using namespace emu;

EXPORTED int cublasCreate_v2(void** handle) {
  if (handle == nullptr) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (ready() != CUDA_SUCCESS) {
    return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  *handle = handles().add(std::make_shared<Blas>());
  return CUBLAS_STATUS_SUCCESS;
}

EXPORTED int cublasDestroy_v2(void* handle) {
  return handles().remove(handle) == nullptr ? CUBLAS_STATUS_NOT_INITIALIZED : CUBLAS_STATUS_SUCCESS;
}

/// Calls f with the handle's state.
template <typename F>
static int with(void* handle, F&& f) {
  const std::shared_ptr<Blas> blas = handles().find(handle);
  return blas == nullptr ? static_cast<int>(CUBLAS_STATUS_NOT_INITIALIZED) : f(*blas);
}

EXPORTED int cublasGetVersion_v2(void* handle, int* version) {
  return with(handle, [=](Blas&) {
    *version = CUBLAS_VERSION;
    return CUBLAS_STATUS_SUCCESS;
  });
}

EXPORTED int cublasSetStream_v2(void* handle, void* stream) {
  return with(handle, [=](Blas& blas) {
    if (find_stream(stream) == nullptr) {
      return CUBLAS_STATUS_INVALID_VALUE;
    }
    blas.stream = stream;
    return CUBLAS_STATUS_SUCCESS;
  });
}

EXPORTED int cublasGetStream_v2(void* handle, void** stream) {
  return with(handle, [=](Blas& blas) {
    *stream = blas.stream;
    return CUBLAS_STATUS_SUCCESS;
  });
}

EXPORTED int cublasSetWorkspace_v2(void* handle, void* workspace, size_t bytes) {
  return with(handle, [=](Blas&) -> int {
    if (reinterpret_cast<uintptr_t>(workspace) % WORKSPACE_ALIGNMENT != 0 || (bytes > 0 && !on_device(workspace, bytes))) {
      return refuse(CUBLAS_STATUS_INVALID_VALUE, "cublasSetWorkspace", "not 256-byte aligned device memory");
    }
    return CUBLAS_STATUS_SUCCESS;
  });
}

EXPORTED int cublasSetMathMode(void* handle, int mode) {
  return with(handle, [=](Blas& blas) -> int {
    const int base = mode & 0xf;
    if ((mode & ~0x1f) != 0 || base > TF32_MATH) {  // 16: no reduced-precision sums
      return CUBLAS_STATUS_INVALID_VALUE;
    }
    blas.math_mode = mode;
    return CUBLAS_STATUS_SUCCESS;
  });
}

EXPORTED int cublasGetMathMode(void* handle, int* mode) {
  return with(handle, [=](Blas& blas) {
    *mode = blas.math_mode;
    return CUBLAS_STATUS_SUCCESS;
  });
}

EXPORTED int cublasSetPointerMode_v2(void* handle, int mode) {
  return with(handle, [=](Blas& blas) {
    blas.pointer_mode = mode;
    return mode == 0 || mode == 1 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
  });
}

EXPORTED int cublasGetPointerMode_v2(void* handle, int* mode) {
  return with(handle, [=](Blas& blas) {
    *mode = blas.pointer_mode;
    return CUBLAS_STATUS_SUCCESS;
  });
}

EXPORTED int cublasGemmEx(void* handle, int op_a, int op_b, int m, int n, int k, const void* alpha, const void* a, int type_a,
    int lda, const void* b, int type_b, int ldb, const void* beta, void* c, int type_c, int ldc, int compute, int) {
  return with(handle, [=](Blas& blas) {
    return gemm(blas, "cublasGemmEx", op_a, op_b, m, n, k, alpha, a, type_a, lda, b, type_b, ldb, beta, c, type_c, ldc,
        compute, 0, 0, 0, 1);
  });
}

EXPORTED int cublasGemmStridedBatchedEx(void* handle, int op_a, int op_b, int m, int n, int k, const void* alpha,
    const void* a, int type_a, int lda, long long stride_a, const void* b, int type_b, int ldb, long long stride_b,
    const void* beta, void* c, int type_c, int ldc, long long stride_c, int batch, int compute, int) {
  return with(handle, [=](Blas& blas) {
    return gemm(blas, "cublasGemmStridedBatchedEx", op_a, op_b, m, n, k, alpha, a, type_a, lda, b, type_b, ldb, beta, c,
        type_c, ldc, compute, stride_a, stride_b, stride_c, batch);
  });
}

EXPORTED int cublasSgemm_v2(void* handle, int op_a, int op_b, int m, int n, int k, const float* alpha, const float* a, int lda,
    const float* b, int ldb, const float* beta, float* c, int ldc) {
  return cublasGemmEx(handle, op_a, op_b, m, n, k, alpha, a, 0, lda, b, 0, ldb, beta, c, 0, ldc, COMPUTE_32F, -1);
}

EXPORTED const char* cublasGetStatusName(int status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    default: return "unknown";
  }
}

EXPORTED const char* cublasGetStatusString(int status) { return cublasGetStatusName(status); }
