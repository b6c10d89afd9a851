package io.gptjava.cuda.device;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/** The PTX that this build carries, for one architecture. */
final class PtxLibrary {
  private static final String FOLDER = "/io/gptjava/cuda/ptx/";
  private static final String MODULE_LINE = "module ";

  private final Map<String, PtxModule> moduleOfKernel = new HashMap<>();
  private final SequencedMap<String, PtxModule> modules = new LinkedHashMap<>();

  /**
   * Reads all modules.
   *
   * @param architecture {@code sm80} or {@code sm90a}
   */
  PtxLibrary(String architecture) {
    for (String line : read("STAMP").orElse("").lines().toList()) {
      if (line.startsWith(MODULE_LINE)) {
        String name = line.substring(MODULE_LINE.length()).strip().split(" ", 2)[0];
        String file = "%s.%s.ptx".formatted(name, architecture);
        String text =
            read(file).orElseThrow(() -> new IllegalStateException(FOLDER + file + " is missing"));
        PtxModule module = PtxModule.parse(name, text);
        modules.put(name, module);
        module.kernels().keySet().forEach(kernel -> moduleOfKernel.put(kernel, module));
      }
    }
  }

  /** Names of the modules. */
  List<String> modules() {
    return List.copyOf(modules.keySet());
  }

  /** A module by name. */
  PtxModule module(String name) {
    return modules.get(name);
  }

  /** The module that has a kernel. */
  PtxModule moduleOf(String kernel) {
    PtxModule module = moduleOfKernel.get(kernel);
    if (module == null) {
      throw new IllegalArgumentException(
          "no kernel %s in the PTX of this build (modules: %s); run kernels/build-ptx.sh"
              .formatted(kernel, modules.isEmpty() ? "none" : String.join(", ", modules.keySet())));
    }
    return module;
  }

  private static Optional<String> read(String file) {
    try (InputStream in = PtxLibrary.class.getResourceAsStream(FOLDER + file)) {
      return in == null
          ? Optional.empty()
          : Optional.of(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new IllegalStateException("cannot read " + FOLDER + file, e);
    }
  }
}
