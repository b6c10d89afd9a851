package io.gptjava.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.DType;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.Memory;
import io.gptjava.core.Precision;
import io.gptjava.core.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** How the backend is found, opened and closed, and what it hands out. */
final class CudaBackendTest {
  @Test
  void isFoundByName() {
    BackendOptions options = CudaUnderTest.options();
    assertEquals(Optional.empty(), new CudaBackendProvider().reasonUnavailable(options));
    try (Backend backend = Backends.open("cuda", options)) {
      assertEquals("cuda", backend.name());
      assertTrue(backend.asynchronous());
      assertTrue(backend.description().contains("cuBLASLt"), backend.description());
      assertEquals(Set.of(Precision.FP32, Precision.BF16, Precision.FP16), backend.precisions());
    }
    try (Backend backend = new CudaBackend(options.withTf32(true))) {
      assertEquals(Set.of(Precision.TF32, Precision.BF16, Precision.FP16), backend.precisions());
    }
  }

  @Test
  void autoDoesNotTakeTheEmulator() {
    BackendOptions options = CudaUnderTest.options();
    assertEquals(CudaUnderTest.real(), new CudaBackendProvider().automatic(options));
    assertEquals(10, new CudaBackendProvider().priority());
  }

  @Test
  void memoryIsZeroedAndOutOfReachOfTheHost() {
    try (Backend backend = new CudaBackend(CudaUnderTest.options());
        Arena arena = Arena.ofConfined()) {
      Memory memory = backend.allocate("test", 1000);
      assertFalse(memory.hostAccessible());
      Tensor tensor = Tensor.of(memory, 0, DType.U8, 1000);
      assertThrows(IllegalStateException.class, tensor::segment);
      assertEquals(0, tensor.address() % 64);
      MemorySegment host = arena.allocate(1000).fill((byte) 1);
      backend.download(tensor, host);
      assertEquals(-1, host.mismatch(arena.allocate(1000)));
    }
  }

  @Test
  void tooMuchMemoryIsAnErrorOfCapacity() {
    try (Backend backend = new CudaBackend(CudaUnderTest.options())) {
      GptException e =
          assertThrows(GptException.class, () -> backend.allocate("activations", 1L << 50));
      assertEquals(Failure.CAPACITY, e.failure());
      assertTrue(e.getMessage().contains("activations"), e.getMessage());
      assertTrue(e.getMessage().contains("--batch-size"), e.getMessage());
    }
  }

  @Test
  void deviceThatDoesNotExist() {
    BackendOptions options = CudaUnderTest.options().withDevice(1000);
    assertTrue(new CudaBackendProvider().reasonUnavailable(options).isPresent());
    GptException e = assertThrows(GptException.class, () -> new CudaBackend(options));
    assertEquals(Failure.DEVICE, e.failure());
  }

  /** One thread, two backends on the same GPU: closing one leaves the other as it was. */
  @Test
  void severalMayBeOpen() {
    BackendOptions options = CudaUnderTest.options();
    try (Backend first = new CudaBackend(options);
        Arena arena = Arena.ofConfined()) {
      Tensor tensor = Tensor.of(first.allocate("test", 4), 0, DType.F32, 1);
      Runnable fill = first.recording(() -> first.ops().fill(tensor, 2));
      fill.run();
      for (int i = 0; i < 2; i++) {
        try (Backend second = new CudaBackend(options)) {
          Tensor other = Tensor.of(second.allocate("test", 4), 0, DType.F32, 1);
          second.ops().fill(other, 3);
          fill.run();
          MemorySegment host = arena.allocate(ValueLayout.JAVA_FLOAT);
          second.download(other, host);
          assertEquals(3, host.get(ValueLayout.JAVA_FLOAT, 0));
        }
        first.ops().fill(tensor, i);
        MemorySegment host = arena.allocate(ValueLayout.JAVA_FLOAT);
        first.download(tensor, host);
        assertEquals(i, host.get(ValueLayout.JAVA_FLOAT, 0));
      }
    }
  }

  /** With {@code --sync-kernels} nothing is recorded, so that an error names its kernel. */
  @Test
  void syncKernelsIssuesEveryTime() {
    int[] asked = new int[1];
    try (Backend backend = new CudaBackend(CudaUnderTest.options().withSyncKernels(true))) {
      Runnable recording = backend.recording(() -> asked[0]++);
      for (int i = 0; i < 4; i++) {
        recording.run();
      }
      assertEquals(4, asked[0]);
    }
  }

  /** An upload's source may change at once, even while earlier work is queued. */
  @Test
  void uploadsKeepTheOrderOfTheOps() {
    try (Backend backend = new CudaBackend(CudaUnderTest.options());
        Arena arena = Arena.ofConfined()) {
      Tensor tensor = Tensor.of(backend.allocate("test", 4), 0, DType.I32, 1);
      Tensor copies = Tensor.of(backend.allocate("test", 400), 0, DType.I32, 100);
      MemorySegment host = arena.allocate(ValueLayout.JAVA_INT);
      for (int i = 0; i < 100; i++) {
        host.set(ValueLayout.JAVA_INT, 0, i);
        backend.upload(host, tensor);
        backend.ops().copy(tensor, copies.slice(i, i + 1));
      }
      MemorySegment all = arena.allocate(ValueLayout.JAVA_INT, 100);
      backend.download(copies, all);
      for (int i = 0; i < 100; i++) {
        assertEquals(i, all.getAtIndex(ValueLayout.JAVA_INT, i));
      }
    }
  }
}
