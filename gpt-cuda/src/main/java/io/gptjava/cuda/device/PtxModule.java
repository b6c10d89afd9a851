package io.gptjava.cuda.device;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One module's PTX text and what it declares.
 *
 * @param name the source's name without extension
 * @param text the PTX
 * @param kernels its kernels by name
 */
record PtxModule(String name, String text, Map<String, Entry> kernels) {
  private static final Pattern ENTRY =
      Pattern.compile("\\.entry\\s+(\\w+)\\s*\\(([^)]*)\\)([^{]*)\\{");
  private static final Pattern PARAMETER =
      Pattern.compile(
          "\\.param\\s+(?:\\.align\\s+\\d+\\s+)?\\.([usbf])(\\d+)(?:\\s+\\.ptr[^,]*?)?\\s+\\w+(?:\\[(\\d+)])?\\s*(?:,|$)");
  private static final Pattern MAX_THREADS = Pattern.compile("\\.maxntid\\s+(\\d+)");

  /**
   * A kernel as the PTX declares it.
   *
   * @param name its name
   * @param parameterBytes size of each parameter
   * @param maxThreads its launch bound; 1024 if it has none
   */
  record Entry(String name, List<Integer> parameterBytes, int maxThreads) {}

  /**
   * Reads the declarations of {@code .entry} functions (PTX ISA, "Kernel and function directives").
   */
  static PtxModule parse(String name, String text) {
    Map<String, Entry> kernels = new HashMap<>();
    Matcher entry = ENTRY.matcher(text);
    while (entry.find()) {
      List<Integer> sizes = new ArrayList<>();
      Matcher parameter = PARAMETER.matcher(entry.group(2).strip());
      while (parameter.find()) {
        int element = Integer.parseInt(parameter.group(2)) / Byte.SIZE;
        int count = parameter.group(3) == null ? 1 : Integer.parseInt(parameter.group(3));
        sizes.add(element * count);
      }
      Matcher threads = MAX_THREADS.matcher(entry.group(3));
      int limit = threads.find() ? Integer.parseInt(threads.group(1)) : 1024;
      kernels.put(entry.group(1), new Entry(entry.group(1), List.copyOf(sizes), limit));
    }
    return new PtxModule(name, text, Map.copyOf(kernels));
  }
}
