package io.gptjava.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.DeviceMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a recording runs, and how often it asks for its ops. */
final class RecordingTest {
  private CudaDevice device;
  private DeviceMemory from;
  private DeviceMemory to;
  private int asked;

  @BeforeEach
  void open() {
    device = CudaDevice.open(CudaUnderTest.options());
    from = device.allocate("from", 4);
    to = device.allocate("to", 4);
  }

  @AfterEach
  void close() {
    if (device != null) {
      from.close();
      to.close();
      device.close(); // finds a graph that was left open
    }
  }

  private void set(int value) {
    device.stream().fillWords(from.address(), value, 1);
  }

  private void copy() {
    asked++;
    device.stream().copy(from.address(), to.address(), 4);
  }

  private int result() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(ValueLayout.JAVA_INT);
      device.stream().download(to.address(), host);
      device.stream().synchronize();
      return host.get(ValueLayout.JAVA_INT, 0);
    }
  }

  @Test
  void issuesRecordsReplays() {
    try (Recording recording = new Recording(device, "copy", this::copy)) {
      for (int run = 1; run <= 5; run++) {
        set(run);
        recording.run();
        assertEquals(run, result());
        assertEquals(Math.min(run, 2), asked);
      }
    }
  }

  @Test
  void oneInsideAnotherIsRecordedWithIt() {
    try (Recording inner = new Recording(device, "inner", this::copy);
        Recording outer =
            new Recording(
                device,
                "outer",
                () -> {
                  set(7);
                  inner.run();
                })) {
      for (int run = 0; run < 4; run++) {
        outer.run();
        assertEquals(7, result());
        set(8);
        inner.run();
        assertEquals(8, result());
      }
    }
  }

  @Test
  void anErrorWhileRecordingLeavesTheStreamUsable() {
    IllegalStateException error = new IllegalStateException("planned");
    Runnable failsWhenRecorded =
        () -> {
          copy();
          if (device.stream().capturing()) {
            throw error;
          }
        };
    try (Recording recording = new Recording(device, "fails", failsWhenRecorded)) {
      set(1);
      recording.run();
      IllegalStateException thrown = assertThrows(IllegalStateException.class, recording::run);
      assertEquals(error, thrown);
      set(2);
      copy();
      assertEquals(2, result());
    }
  }
}
