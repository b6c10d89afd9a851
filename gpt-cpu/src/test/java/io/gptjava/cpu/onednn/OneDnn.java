package io.gptjava.cpu.onednn;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import java.nio.file.Path;
import java.util.Optional;

/** oneDNN for tests: must be there on Linux x86-64, and is nowhere else. */
public final class OneDnn {
  private OneDnn() {}

  /** Its functions; on other systems the test is skipped with the reason. */
  public static OneDnnApi api() {
    OneDnnSupport support = OneDnnSupport.look(Optional.of(Path.of("target", "cache")));
    if (support.api().isEmpty()) {
      String reasons = String.join("; ", support.reasons());
      boolean due =
          System.getProperty("os.name").equals("Linux")
              && System.getProperty("os.arch").equals("amd64");
      return due ? fail(reasons) : abort(reasons);
    }
    return support.api().get();
  }
}
