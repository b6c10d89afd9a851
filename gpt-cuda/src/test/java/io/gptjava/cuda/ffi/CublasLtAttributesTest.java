package io.gptjava.cuda.ffi;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gptjava.core.BackendOptions;
import io.gptjava.cuda.CudaUnderTest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The numbers and sizes of {@link CublasLt}'s attributes, as the library checks them. NVIDIA's own
 * library does so without a GPU too: {@code -Dgpt.cuda.cublaslt=FILE} asks it instead of the
 * emulator.
 */
final class CublasLtAttributesTest {
  private static final int[] SIZES = {1, 2, 4, 8, 16};

  private final Arena arena = Arena.ofConfined();
  private CublasLtApi api;

  private interface Setter {
    void set(MemorySegment value);
  }

  @BeforeEach
  void bind() {
    String file = System.getProperty("gpt.cuda.cublaslt", "");
    Optional<Path> library = Optional.of(file).filter(f -> !f.isEmpty()).map(Path::of);
    BackendOptions options = library.isPresent() ? null : CudaUnderTest.options();
    LibraryFinder finder =
        library.isPresent()
            ? new LibraryFinder(library, Optional.empty())
            : new LibraryFinder(options.cudaLibrary(), options.cudaHome());
    api = new CublasLtApi(CublasLtApi.search(finder).require("needed"));
  }

  @AfterEach
  void close() {
    arena.close();
  }

  /** Accepted with its size, refused with any other. */
  private void hasSize(int bytes, Setter setter) {
    for (int size : SIZES) {
      MemorySegment value = arena.allocate(16, 16).asSlice(0, size);
      if (size == bytes) {
        assertDoesNotThrow(() -> setter.set(value));
      } else {
        CudaException e = assertThrows(CudaException.class, () -> setter.set(value));
        assertEquals("CUBLAS_STATUS_INVALID_VALUE", e.code(), () -> size + " bytes");
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    CublasLt.DESC_POINTER_MODE + ",4",
    CublasLt.DESC_TRANSA + ",4",
    CublasLt.DESC_TRANSB + ",4",
    CublasLt.DESC_EPILOGUE + ",4",
    CublasLt.DESC_BIAS_POINTER + ",8",
    CublasLt.DESC_EPILOGUE_AUX_POINTER + ",8",
    CublasLt.DESC_EPILOGUE_AUX_LD + ",8",
    CublasLt.DESC_EPILOGUE_AUX_DATA_TYPE + ",4",
    CublasLt.DESC_BIAS_DATA_TYPE + ",4"
  })
  void ofDescriptions(int attribute, int bytes) {
    long description = api.createMatmul(CublasApi.COMPUTE_32F, CublasApi.R_32F);
    hasSize(bytes, value -> api.setMatmul(description, attribute, value));
    api.destroyMatmul(description);
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        CublasLt.EPILOGUE_DEFAULT,
        CublasLt.EPILOGUE_BIAS,
        CublasLt.EPILOGUE_GELU,
        CublasLt.EPILOGUE_GELU_BIAS,
        CublasLt.EPILOGUE_GELU_AUX,
        CublasLt.EPILOGUE_GELU_AUX_BIAS,
        CublasLt.EPILOGUE_DGELU,
        CublasLt.EPILOGUE_DGELU_BGRAD,
        CublasLt.EPILOGUE_BGRADA,
        CublasLt.EPILOGUE_BGRADB
      })
  void epiloguesExist(int epilogue) {
    long description = api.createMatmul(CublasApi.COMPUTE_32F_FAST_TF32, CublasApi.R_32F);
    MemorySegment value = arena.allocateFrom(ValueLayout.JAVA_INT, epilogue);
    assertDoesNotThrow(() -> api.setMatmul(description, CublasLt.DESC_EPILOGUE, value));
    api.destroyMatmul(description);
  }

  @ParameterizedTest
  @CsvSource({
    CublasLt.LAYOUT_ORDER + ",4",
    CublasLt.LAYOUT_BATCH_COUNT + ",4",
    CublasLt.LAYOUT_STRIDED_BATCH_OFFSET + ",8"
  })
  void ofLayouts(int attribute, int bytes) {
    long layout = api.createLayout(CublasApi.R_16BF, 8, 8, 8);
    hasSize(bytes, value -> api.setLayout(layout, attribute, value));
    api.destroyLayout(layout);
  }

  @ParameterizedTest
  @CsvSource({
    CublasLt.PREFERENCE_MAX_WORKSPACE_BYTES + ",8",
    CublasLt.PREFERENCE_REDUCTION_SCHEME_MASK + ",4",
    CublasLt.PREFERENCE_MIN_ALIGNMENT_A_BYTES + ",4",
    CublasLt.PREFERENCE_MIN_ALIGNMENT_B_BYTES + ",4",
    CublasLt.PREFERENCE_MIN_ALIGNMENT_C_BYTES + ",4",
    CublasLt.PREFERENCE_MIN_ALIGNMENT_D_BYTES + ",4"
  })
  void ofPreferences(int attribute, int bytes) {
    long preference = api.createPreference();
    hasSize(bytes, value -> api.setPreference(preference, attribute, value));
    api.destroyPreference(preference);
  }

  @Test
  void typesExist() {
    for (int type : new int[] {CublasApi.R_32F, CublasApi.R_16BF, CublasApi.R_16F}) {
      api.destroyLayout(api.createLayout(type, 8, 8, 8));
    }
  }
}
