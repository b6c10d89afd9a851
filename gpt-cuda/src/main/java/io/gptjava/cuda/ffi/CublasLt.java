package io.gptjava.cuda.ffi;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;

/** Numbers and structures of cuBLASLt's interface, from NVIDIA's documentation. */
public final class CublasLt {
  /** Size of {@code cublasLtMatmulAlgo_t}. */
  public static final long ALGO_BYTES = 64;

  /** {@code cublasLtMatmulHeuristicResult_t}. */
  public static final StructLayout HEURISTIC_RESULT =
      MemoryLayout.structLayout(
          MemoryLayout.sequenceLayout(ALGO_BYTES / Long.BYTES, JAVA_LONG).withName("algo"),
          JAVA_LONG.withName("workspaceSize"),
          JAVA_INT.withName("state"),
          JAVA_FLOAT.withName("wavesCount"),
          MemoryLayout.sequenceLayout(4, JAVA_INT).withName("reserved"));

  /** Where a heuristic result keeps the scratch bytes that it needs (64 bits). */
  public static final long RESULT_WORKSPACE = 64;

  /** Where a heuristic result keeps its status (32 bits). */
  public static final long RESULT_STATE = 72;

  // cublasLtMatmulDescAttributes_t
  public static final int DESC_POINTER_MODE = 2; // int32
  public static final int DESC_TRANSA = 3; // int32, cublasOperation_t
  public static final int DESC_TRANSB = 4;
  public static final int DESC_EPILOGUE = 7; // uint32
  public static final int DESC_BIAS_POINTER = 8; // device pointer, 64 bits
  public static final int DESC_EPILOGUE_AUX_POINTER = 11; // device pointer, 64 bits
  public static final int DESC_EPILOGUE_AUX_LD = 12; // int64, a multiple of 8
  public static final int DESC_EPILOGUE_AUX_DATA_TYPE = 22; // int32, cudaDataType_t
  public static final int DESC_BIAS_DATA_TYPE = 26; // int32, cudaDataType_t

  // cublasLtEpilogue_t
  public static final int EPILOGUE_DEFAULT = 1;
  public static final int EPILOGUE_BIAS = 4;
  public static final int EPILOGUE_GELU = 32;
  public static final int EPILOGUE_GELU_BIAS = 36;
  public static final int EPILOGUE_GELU_AUX = 160;
  public static final int EPILOGUE_GELU_AUX_BIAS = 164;
  public static final int EPILOGUE_DGELU = 192;
  public static final int EPILOGUE_DGELU_BGRAD = 208;
  public static final int EPILOGUE_BGRADA = 256;
  public static final int EPILOGUE_BGRADB = 512;

  // cublasLtMatrixLayoutAttribute_t
  public static final int LAYOUT_ORDER = 1; // int32: 0 column-major, 1 row-major
  public static final int LAYOUT_BATCH_COUNT = 5; // int32
  public static final int LAYOUT_STRIDED_BATCH_OFFSET = 6; // int64, in elements

  // cublasLtMatmulPreferenceAttributes_t
  public static final int PREFERENCE_MAX_WORKSPACE_BYTES = 1; // uint64
  public static final int PREFERENCE_REDUCTION_SCHEME_MASK = 3; // uint32
  public static final int PREFERENCE_MIN_ALIGNMENT_A_BYTES = 5; // uint32
  public static final int PREFERENCE_MIN_ALIGNMENT_B_BYTES = 6;
  public static final int PREFERENCE_MIN_ALIGNMENT_C_BYTES = 7;
  public static final int PREFERENCE_MIN_ALIGNMENT_D_BYTES = 8;

  // cublasLtReductionScheme_t, how parts of a split sum are joined
  public static final int REDUCTION_NONE = 0;
  public static final int REDUCTION_INPLACE = 1;
  public static final int REDUCTION_COMPUTE_TYPE = 2;
  public static final int REDUCTION_OUTPUT_TYPE = 4;

  // cublasLtMatmulAlgoConfigAttributes_t
  public static final int ALGO_ID = 0; // int32, read only
  public static final int ALGO_TILE_ID = 1; // uint32
  public static final int ALGO_SPLITK_NUM = 2; // int32
  public static final int ALGO_REDUCTION_SCHEME = 3; // uint32
  public static final int ALGO_CTA_SWIZZLING = 4; // uint32
  public static final int ALGO_CUSTOM_OPTION = 5; // uint32
  public static final int ALGO_STAGES_ID = 6; // uint32
  public static final int ALGO_INNER_SHAPE_ID = 7; // uint16
  public static final int ALGO_CLUSTER_SHAPE_ID = 8; // uint16

  private CublasLt() {}
}
