// cuBLASLt: descriptors, a choice of algorithms, and the product with its epilogue. Refuses what the library documents that it
// refuses; what it says then is on stderr.
#include <cstring>

#include "blas.h"

namespace emu {

namespace {

struct Lt {};

struct Description {
  int compute = COMPUTE_32F;
  int scale = 0;
  int pointer_mode = 0;
  int op_a = 0;
  int op_b = 0;
  unsigned epilogue = EPILOGUE_DEFAULT;
  void* bias = nullptr;
  void* aux = nullptr;
  int64_t aux_ld = 0;
  int aux_type = -1;   // as D
  int bias_type = -1;  // as D
};

struct Layout {
  int type;
  uint64_t rows;
  uint64_t columns;
  int64_t ld;
  int order = 0;  // column-major
  int batch = 1;
  int64_t batch_stride = 0;
};

struct Preference {
  uint64_t workspace = 0;
  unsigned reductions = ~0u;
  unsigned alignment[4] = {256, 256, 256, 256};  // A, B, C, D
};

/// cublasLtMatmulAlgo_t: 64 bytes that are the library's own business.
struct Algorithm {
  uint32_t magic = 0;
  int id = 0;
  uint32_t tile = 0;
  int splits = 1;
  uint32_t reduction = 0;
  uint32_t swizzle = 0;
  uint32_t custom = 0;
  uint32_t stages = 0;
  uint16_t inner = 0;
  uint16_t cluster = 0;
  int types[4] = {0, 0, 0, 0};  // A, B, C, D
  int compute = 0;
  uint32_t alignment = 0;  // what the addresses must be multiples of
  uint32_t reserved = 0;
};
static_assert(sizeof(Algorithm) == 64);

constexpr uint32_t MAGIC = 0x454d5531;
constexpr unsigned REDUCTION_COMPUTE_TYPE = 2;
constexpr int ALGORITHMS = 3;

struct HeuristicResult {
  Algorithm algorithm;
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};
static_assert(sizeof(HeuristicResult) == 96);

template <typename T>
Handles<T>& all() {
  static auto* const handles = new Handles<T>();
  return *handles;
}

/// A product as its descriptors say it.
struct Problem {
  std::shared_ptr<Description> description;
  std::shared_ptr<Layout> a, b, c, d;
};

/// Why the library does not do this product (status and reason), or success.
int refuse_problem(const char* call, const Problem& p) {
  if (!p.description || !p.a || !p.b || !p.c || !p.d) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "a descriptor is gone");
  }
  const Description& m = *p.description;
  if (m.scale != 0 || !known_types(p.a->type, p.b->type, p.c->type, p.d->type, m.compute)) {
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, call, "types");
  }
  const uint64_t rows = m.op_a == 0 ? p.a->rows : p.a->columns;
  const uint64_t inner = m.op_a == 0 ? p.a->columns : p.a->rows;
  const uint64_t inner_b = m.op_b == 0 ? p.b->rows : p.b->columns;
  const uint64_t columns = m.op_b == 0 ? p.b->columns : p.b->rows;
  if (inner != inner_b || p.d->rows != rows || p.d->columns != columns || p.c->rows != rows || p.c->columns != columns) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "the shapes do not fit together");
  }
  for (const Layout* layout : {p.a.get(), p.b.get(), p.c.get(), p.d.get()}) {
    if (layout->order != 0 || layout->batch != 1) {
      return refuse(CUBLAS_STATUS_NOT_SUPPORTED, call, "order or batch");
    }
    if (layout->ld < static_cast<int64_t>(layout->rows) || layout->rows == 0 || layout->columns == 0) {
      return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "a leading dimension is less than the rows");
    }
  }
  switch (m.epilogue) {
    case EPILOGUE_DEFAULT: case EPILOGUE_BIAS: case EPILOGUE_GELU: case EPILOGUE_GELU_BIAS: case EPILOGUE_GELU_AUX:
    case EPILOGUE_GELU_AUX_BIAS: case EPILOGUE_DGELU: case EPILOGUE_DGELU_BGRAD: case EPILOGUE_BGRADA:
    case EPILOGUE_BGRADB:
      break;
    default:
      return refuse(CUBLAS_STATUS_NOT_SUPPORTED, call, "epilogue " + std::to_string(m.epilogue));
  }
  if (m.bias_type != -1 && m.bias_type != p.d->type) {
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, call, "the type of the bias");
  }
  if (m.epilogue & EPILOGUE_AUX) {
    if (m.aux_type != -1 && m.aux_type != p.d->type) {
      return refuse(CUBLAS_STATUS_NOT_SUPPORTED, call, "the type of the auxiliary matrix");
    }
    if (m.aux_ld < static_cast<int64_t>(rows) || m.aux_ld % 8 != 0) {
      return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "the auxiliary matrix's leading dimension");
    }
  }
  return CUBLAS_STATUS_SUCCESS;
}

bool has_bias(unsigned epilogue) {
  return (epilogue & (EPILOGUE_BIAS | EPILOGUE_BGRADA | EPILOGUE_BGRADB)) != 0 || epilogue == EPILOGUE_DGELU_BGRAD;
}

size_t workspace_of(const Algorithm& algorithm, const Problem& p) {
  return algorithm.splits <= 1 ? 0 : static_cast<size_t>(algorithm.splits) * p.d->rows * p.d->columns * sizeof(float);
}

Algorithm make_algorithm(int id, int compute, int a, int b, int c, int d, unsigned alignment) {
  Algorithm algorithm;
  algorithm.magic = MAGIC;
  algorithm.id = id;
  algorithm.tile = static_cast<uint32_t>(15 + id);
  algorithm.splits = id == 2 ? 2 : 1;
  algorithm.reduction = id == 2 ? REDUCTION_COMPUTE_TYPE : 0;
  algorithm.stages = 5;
  const int types[4] = {a, b, c, d};
  std::memcpy(algorithm.types, types, sizeof types);
  algorithm.compute = compute;
  algorithm.alignment = alignment;
  return algorithm;
}

/// Whether the algorithm is one of ours and made for these types.
bool fits(const Algorithm& algorithm, const Problem& p) {
  const int types[4] = {p.a->type, p.b->type, p.c->type, p.d->type};
  return algorithm.magic == MAGIC && algorithm.id >= 0 && algorithm.id < ALGORITHMS && algorithm.splits >= 1 &&
         algorithm.splits <= 32 && std::memcmp(types, algorithm.types, sizeof types) == 0 &&
         algorithm.compute == p.description->compute;
}

/// Whether each operand's columns begin at multiples of the bytes.
bool aligned(const Layout& layout, unsigned bytes) {
  return layout.columns == 1 || static_cast<size_t>(layout.ld) * bytes_of(static_cast<Type>(layout.type)) % bytes == 0;
}

unsigned alignment_of(const Problem& p, const Preference& preference) {
  unsigned alignment = 16;
  const Layout* const layouts[4] = {p.a.get(), p.b.get(), p.c.get(), p.d.get()};
  for (int i = 0; i < 4; ++i) {
    alignment = std::min(alignment, preference.alignment[i]);
    while (alignment > 1 && !aligned(*layouts[i], alignment)) {
      alignment /= 2;
    }
  }
  return alignment;
}

/// Copies an attribute's value in, if its size is right.
template <typename T>
int take(T& field, const void* value, size_t size) {
  if (value == nullptr || size != sizeof(T)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  std::memcpy(&field, value, size);
  return CUBLAS_STATUS_SUCCESS;
}

template <typename T>
int give(const T& field, void* value, size_t size, size_t* written) {
  if (value == nullptr || size < sizeof(T)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  std::memcpy(value, &field, sizeof(T));
  if (written != nullptr) {
    *written = sizeof(T);
  }
  return CUBLAS_STATUS_SUCCESS;
}

template <typename T>
int destroy(void* handle) {
  return all<T>().remove(handle) == nullptr ? CUBLAS_STATUS_INVALID_VALUE : CUBLAS_STATUS_SUCCESS;
}

Problem problem_of(void* description, void* a, void* b, void* c, void* d) {
  return {all<Description>().find(description), all<Layout>().find(a), all<Layout>().find(b), all<Layout>().find(c),
      all<Layout>().find(d)};
}

}  // namespace

}  // namespace emu

using namespace emu;

EXPORTED int cublasLtCreate(void** handle) {
  if (ready() != CUDA_SUCCESS) {
    return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  *handle = all<Lt>().add(std::make_shared<Lt>());
  return CUBLAS_STATUS_SUCCESS;
}
EXPORTED int cublasLtDestroy(void* handle) { return destroy<Lt>(handle); }
EXPORTED size_t cublasLtGetVersion() { return CUBLAS_VERSION; }

// --- Descriptors ---------------------------------------------------------------------------------------------------

EXPORTED int cublasLtMatmulDescCreate(void** out, int compute, int scale) {
  auto description = std::make_shared<Description>();
  description->compute = compute;
  description->scale = scale;
  *out = all<Description>().add(std::move(description));
  return CUBLAS_STATUS_SUCCESS;
}
EXPORTED int cublasLtMatmulDescDestroy(void* handle) { return destroy<Description>(handle); }

EXPORTED int cublasLtMatmulDescSetAttribute(void* handle, int attribute, const void* value, size_t size) {
  const std::shared_ptr<Description> m = all<Description>().find(handle);
  if (m == nullptr) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  switch (attribute) {
    case 0: return take(m->compute, value, size);
    case 1: return take(m->scale, value, size);
    case 2: return take(m->pointer_mode, value, size);
    case 3: return take(m->op_a, value, size);
    case 4: return take(m->op_b, value, size);
    case 7: return take(m->epilogue, value, size);
    case 8: return take(m->bias, value, size);
    case 11: return take(m->aux, value, size);
    case 12: return take(m->aux_ld, value, size);
    case 22: return take(m->aux_type, value, size);
    case 26: return take(m->bias_type, value, size);
    default: return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatmulDescSetAttribute", std::to_string(attribute));
  }
}

EXPORTED int cublasLtMatrixLayoutCreate(void** out, int type, uint64_t rows, uint64_t columns, int64_t ld) {
  *out = all<Layout>().add(std::make_shared<Layout>(Layout{type, rows, columns, ld}));
  return CUBLAS_STATUS_SUCCESS;
}
EXPORTED int cublasLtMatrixLayoutDestroy(void* handle) { return destroy<Layout>(handle); }

EXPORTED int cublasLtMatrixLayoutSetAttribute(void* handle, int attribute, const void* value, size_t size) {
  const std::shared_ptr<Layout> layout = all<Layout>().find(handle);
  if (layout == nullptr) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  switch (attribute) {
    case 0: return take(layout->type, value, size);
    case 1: return take(layout->order, value, size);
    case 2: return take(layout->rows, value, size);
    case 3: return take(layout->columns, value, size);
    case 4: return take(layout->ld, value, size);
    case 5: return take(layout->batch, value, size);
    case 6: return take(layout->batch_stride, value, size);
    default: return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatrixLayoutSetAttribute", std::to_string(attribute));
  }
}

EXPORTED int cublasLtMatmulPreferenceCreate(void** out) {
  *out = all<Preference>().add(std::make_shared<Preference>());
  return CUBLAS_STATUS_SUCCESS;
}
EXPORTED int cublasLtMatmulPreferenceDestroy(void* handle) { return destroy<Preference>(handle); }

EXPORTED int cublasLtMatmulPreferenceSetAttribute(void* handle, int attribute, const void* value, size_t size) {
  const std::shared_ptr<Preference> preference = all<Preference>().find(handle);
  if (preference == nullptr) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  uint32_t ignored = 0;
  switch (attribute) {
    case 0: return take(ignored, value, size);
    case 1: return take(preference->workspace, value, size);
    case 3: return take(preference->reductions, value, size);
    case 5: case 6: case 7: case 8: return take(preference->alignment[attribute - 5], value, size);
    default: return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatmulPreferenceSetAttribute", std::to_string(attribute));
  }
}

// --- Algorithms ----------------------------------------------------------------------------------------------------

EXPORTED int cublasLtMatmulAlgoGetHeuristic(void* handle, void* description, void* a, void* b, void* c, void* d,
    void* preference_handle, int wanted, HeuristicResult* results, int* found) {
  const std::shared_ptr<Preference> preference = all<Preference>().find(preference_handle);
  if (all<Lt>().find(handle) == nullptr) {
    return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  if (preference == nullptr || wanted <= 0 || results == nullptr || found == nullptr) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  *found = 0;
  const Problem p = problem_of(description, a, b, c, d);
  const int status = refuse_problem("cublasLtMatmulAlgoGetHeuristic", p);
  if (status != CUBLAS_STATUS_SUCCESS) {
    return status;
  }
  const unsigned alignment = alignment_of(p, *preference);
  // As the library: epilogues with an auxiliary matrix only on well aligned operands.
  const bool possible = (p.description->epilogue & EPILOGUE_AUX) == 0 || alignment == 16;
  for (int id = 0; id < ALGORITHMS && possible && *found < wanted; ++id) {
    const Algorithm algorithm =
        make_algorithm(id, p.description->compute, p.a->type, p.b->type, p.c->type, p.d->type, alignment);
    const size_t workspace = workspace_of(algorithm, p);
    const bool split_allowed = algorithm.splits == 1 || ((preference->reductions & REDUCTION_COMPUTE_TYPE) != 0 &&
                                                            p.description->epilogue == EPILOGUE_DEFAULT);
    if (workspace <= preference->workspace && split_allowed) {
      results[(*found)++] = HeuristicResult{algorithm, workspace, CUBLAS_STATUS_SUCCESS, 1.0f, {0, 0, 0, 0}};
    }
  }
  return *found == 0 ? CUBLAS_STATUS_NOT_SUPPORTED : CUBLAS_STATUS_SUCCESS;
}

EXPORTED int cublasLtMatmulAlgoGetIds(void*, int, int, int, int, int, int, int wanted, int* ids, int* found) {
  *found = std::min(wanted, ALGORITHMS);
  for (int i = 0; i < *found; ++i) {
    ids[i] = i;
  }
  return CUBLAS_STATUS_SUCCESS;
}

EXPORTED int cublasLtMatmulAlgoInit(void* handle, int compute, int scale, int a, int b, int c, int d, int id,
    Algorithm* algorithm) {
  if (all<Lt>().find(handle) == nullptr) {
    return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  if (algorithm == nullptr || id < 0 || id >= ALGORITHMS) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (scale != 0 || !known_types(a, b, c, d, compute)) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  *algorithm = make_algorithm(id, compute, a, b, c, d, 1);
  return CUBLAS_STATUS_SUCCESS;
}

EXPORTED int cublasLtMatmulAlgoConfigGetAttribute(const Algorithm* algorithm, int attribute, void* value, size_t size,
    size_t* written) {
  if (algorithm == nullptr || algorithm->magic != MAGIC) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  switch (attribute) {
    case 0: return give(algorithm->id, value, size, written);
    case 1: return give(algorithm->tile, value, size, written);
    case 2: return give(algorithm->splits, value, size, written);
    case 3: return give(algorithm->reduction, value, size, written);
    case 4: return give(algorithm->swizzle, value, size, written);
    case 5: return give(algorithm->custom, value, size, written);
    case 6: return give(algorithm->stages, value, size, written);
    case 7: return give(algorithm->inner, value, size, written);
    case 8: return give(algorithm->cluster, value, size, written);
    default: return CUBLAS_STATUS_INVALID_VALUE;
  }
}

EXPORTED int cublasLtMatmulAlgoConfigSetAttribute(Algorithm* algorithm, int attribute, const void* value, size_t size) {
  if (algorithm == nullptr || algorithm->magic != MAGIC) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  switch (attribute) {
    case 1: return take(algorithm->tile, value, size);
    case 2: return take(algorithm->splits, value, size);
    case 3: return take(algorithm->reduction, value, size);
    case 4: return take(algorithm->swizzle, value, size);
    case 5: return take(algorithm->custom, value, size);
    case 6: return take(algorithm->stages, value, size);
    case 7: return take(algorithm->inner, value, size);
    case 8: return take(algorithm->cluster, value, size);
    default: return CUBLAS_STATUS_INVALID_VALUE;
  }
}

EXPORTED int cublasLtMatmulAlgoCheck(void* handle, void* description, void* a, void* b, void* c, void* d,
    const Algorithm* algorithm, HeuristicResult* result) {
  if (all<Lt>().find(handle) == nullptr) {
    return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  const Problem p = problem_of(description, a, b, c, d);
  const int status = refuse_problem("cublasLtMatmulAlgoCheck", p);
  if (status != CUBLAS_STATUS_SUCCESS) {
    return status;
  }
  if (algorithm == nullptr || result == nullptr || !fits(*algorithm, p)) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  *result = HeuristicResult{*algorithm, workspace_of(*algorithm, p), CUBLAS_STATUS_SUCCESS, 1.0f, {0, 0, 0, 0}};
  return CUBLAS_STATUS_SUCCESS;
}

// --- The product ---------------------------------------------------------------------------------------------------

/// Whether the addresses suit the algorithm; a reason otherwise.
static std::string misaligned(const Gemm& g, const Algorithm& algorithm) {
  for (const Operand* operand : {&g.a, &g.b, &g.c, &g.d}) {
    const size_t needed = std::max<size_t>(algorithm.alignment, bytes_of(operand->type));
    if (reinterpret_cast<uintptr_t>(operand->data) % needed != 0) {
      return "an operand is not aligned to " + std::to_string(needed) + " bytes, which the algorithm was asked for";
    }
  }
  if (g.aux != nullptr && reinterpret_cast<uintptr_t>(g.aux) % 16 != 0) {
    return "the auxiliary matrix is not aligned to 16 bytes";
  }
  return reinterpret_cast<uintptr_t>(g.bias) % bytes_of(g.d.type) != 0 ? "the bias is not aligned" : "";
}

EXPORTED int cublasLtMatmul(void* handle, void* description, const void* alpha, const void* a, void* layout_a, const void* b,
    void* layout_b, const void* beta, const void* c, void* layout_c, void* d, void* layout_d, const Algorithm* chosen,
    void* workspace, size_t workspace_bytes, void* stream_handle) {
  const char* const call = "cublasLtMatmul";
  if (all<Lt>().find(handle) == nullptr) {
    return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  if (ready() != CUDA_SUCCESS) {
    return CUBLAS_STATUS_EXECUTION_FAILED;
  }
  const Problem p = problem_of(description, layout_a, layout_b, layout_c, layout_d);
  const int status = refuse_problem(call, p);
  if (status != CUBLAS_STATUS_SUCCESS) {
    return status;
  }
  const Description& m = *p.description;
  if (alpha == nullptr || beta == nullptr || a == nullptr || b == nullptr || d == nullptr || m.pointer_mode != 0) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "a null pointer, or scalars on the device");
  }
  const Algorithm algorithm = chosen != nullptr
      ? *chosen
      : make_algorithm(0, m.compute, p.a->type, p.b->type, p.c->type, p.d->type, 1);
  if (!fits(algorithm, p)) {
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, call, "the algorithm was made for other types");
  }
  if (workspace_bytes < workspace_of(algorithm, p) || reinterpret_cast<uintptr_t>(workspace) % WORKSPACE_ALIGNMENT != 0 ||
      (workspace_bytes > 0 && !on_device(workspace, workspace_bytes))) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "the workspace is too small, not on the device or not aligned");
  }
  Gemm g;
  g.m = static_cast<int64_t>(p.d->rows);
  g.n = static_cast<int64_t>(p.d->columns);
  g.k = static_cast<int64_t>(m.op_a == 0 ? p.a->columns : p.a->rows);
  g.a = {a, static_cast<Type>(p.a->type), m.op_a != 0, p.a->ld};
  g.b = {b, static_cast<Type>(p.b->type), m.op_b != 0, p.b->ld};
  g.c = {c == nullptr ? d : c, static_cast<Type>(p.c->type), false, p.c->ld};
  g.d = {d, static_cast<Type>(p.d->type), false, p.d->ld};
  g.alpha = *static_cast<const float*>(alpha);
  g.beta = *static_cast<const float*>(beta);
  g.tf32 = m.compute == COMPUTE_32F_FAST_TF32;
  g.splits = algorithm.splits;
  g.epilogue = m.epilogue;
  g.bias = has_bias(m.epilogue) ? m.bias : nullptr;
  g.aux = m.epilogue & EPILOGUE_AUX ? m.aux : nullptr;
  g.aux_ld = m.aux_ld;
  if ((has_bias(m.epilogue) && m.bias == nullptr) || ((m.epilogue & EPILOGUE_AUX) != 0 && m.aux == nullptr)) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "the epilogue's bias or auxiliary matrix is not set");
  }
  if (g.beta != 0 && c == nullptr) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "C is null and beta is not 0");
  }
  const std::string unfit = misaligned(g, algorithm);
  if (!unfit.empty()) {
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call, unfit);
  }
  const std::shared_ptr<Stream> stream = find_stream(stream_handle);
  if (stream == nullptr || submit_gemm(stream, g) != CUDA_SUCCESS) {
    return refuse(CUBLAS_STATUS_EXECUTION_FAILED, call, "the stream");
  }
  return CUBLAS_STATUS_SUCCESS;
}
