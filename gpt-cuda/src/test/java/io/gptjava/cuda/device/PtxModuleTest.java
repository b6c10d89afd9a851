package io.gptjava.cuda.device;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class PtxModuleTest {
  /** Declarations as nvcc writes them. */
  @Test
  void readsKernelsAndTheirParameters() {
    PtxModule module =
        PtxModule.parse(
            "example",
            """
            .version 8.0
            .target sm_80
            .address_size 64

            .extern .shared .align 128 .b8 dynamic[];
            .visible .entry first(
            \t.param .u64 .ptr .align 1 first_param_0,
            \t.param .u32 first_param_1,
            \t.param .f32 first_param_2,
            \t.param .align 8 .b8 first_param_3[24]
            )
            .maxntid 256, 1, 1
            .minnctapersm 2
            {
            \tret;
            }
            .func helper(.param .b32 helper_param_0)
            {
            \tret;
            }
            .visible .entry second()
            {
            \tret;
            }
            """);
    assertEquals(Set.of("first", "second"), module.kernels().keySet());
    assertEquals(
        new PtxModule.Entry("first", List.of(8, 4, 4, 24), 256), module.kernels().get("first"));
    assertEquals(new PtxModule.Entry("second", List.of(), 1024), module.kernels().get("second"));
  }
}
