package io.gptjava.cpu.onednn;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Whether oneDNN is there. Its library lies compressed in a jar on the class path; it is unpacked
 * into a folder of the user's once, checked each time, and stays loaded until the program ends, as
 * its OpenMP runtime must.
 *
 * @param api its functions; empty if it is not there
 * @param where the file that it was loaded from, if it is there
 * @param reasons why each place that was tried would not do
 */
public record OneDnnSupport(Optional<OneDnnApi> api, String where, List<String> reasons) {
  /** The one that is loaded, and what it is found through, beside it. */
  private static final String LIBRARY = "libdnnl.so.3";

  private static final String RUNTIME = "libgomp.so.1";

  /** Where the jar of {@code org.bytedeco:dnnl} has them. */
  private static final String RESOURCES = "org/bytedeco/dnnl/linux-x86_64/";

  /** Copies the list. */
  public OneDnnSupport {
    reasons = List.copyOf(reasons);
  }

  /** What is loaded already. */
  public static OneDnnSupport of(OneDnnApi api) {
    return new OneDnnSupport(Optional.of(api), "", List.of());
  }

  /** None, for this reason. */
  public static OneDnnSupport absent(String reason) {
    return absent(List.of(reason));
  }

  /** Why bf16 products would not be fast with it; meaningless where they are. */
  public String reasonAgainstHalves() {
    return api.isPresent()
        ? "the processor has no AVX512_BF16"
        : "oneDNN is missing: " + String.join("; ", reasons);
  }

  /**
   * Looks for oneDNN. Never throws: absence is a value.
   *
   * @param cache folder of this program for what is kept between runs; empty to keep nothing
   */
  public static OneDnnSupport look(Optional<Path> cache) {
    return look(OneDnnSupport.class.getClassLoader(), cache, platform());
  }

  /** The system as the jars' classifiers spell it. */
  private static String platform() {
    String architecture = System.getProperty("os.arch");
    return "%s-%s"
        .formatted(
            System.getProperty("os.name").toLowerCase(Locale.ROOT),
            architecture.equals("amd64") ? "x86_64" : architecture);
  }

  static OneDnnSupport look(ClassLoader resources, Optional<Path> cache, String platform) {
    if (!platform.equals("linux-x86_64")) {
      return absent(List.of("this program has it for linux-x86_64 only, not for " + platform));
    }
    List<BundledLibrary> bundled = new ArrayList<>();
    for (String name : List.of(RUNTIME, LIBRARY)) {
      URL source = resources.getResource(RESOURCES + name);
      if (source == null) {
        return absent(
            List.of(
                "no %s among the jars: org.bytedeco:dnnl for linux-x86_64 brings it"
                    .formatted(name)));
      }
      try {
        bundled.add(BundledLibrary.of(name, source));
      } catch (IOException e) {
        return absent(List.of("%s: cannot be read (%s)".formatted(source, e.getMessage())));
      }
    }
    return load(bundled, cache);
  }

  private static OneDnnSupport absent(List<String> reasons) {
    return new OneDnnSupport(Optional.empty(), "", reasons);
  }

  private static OneDnnSupport load(List<BundledLibrary> bundled, Optional<Path> cache) {
    List<String> reasons = new ArrayList<>();
    if (cache.isPresent()) {
      Path folder = cache.get().resolve("onednn").resolve(version(bundled));
      try {
        Files.createDirectories(folder);
        OneDnnSupport support = load(bundled, folder, reasons);
        if (support.api.isPresent()) {
          return support;
        }
      } catch (IOException e) {
        reasons.add("%s: cannot be written (%s)".formatted(folder, e));
      }
    }
    try {
      return loadFromTemporary(bundled, reasons);
    } catch (IOException e) {
      reasons.add("%s: cannot be written (%s)".formatted(System.getProperty("java.io.tmpdir"), e));
      return absent(reasons);
    }
  }

  /** Folder name of this content: another version's files lie beside it. */
  private static String version(List<BundledLibrary> bundled) {
    StringBuilder name = new StringBuilder();
    for (BundledLibrary library : bundled) {
      name.append(name.isEmpty() ? "" : "-").append("%08x".formatted(library.checksum()));
    }
    return name.toString();
  }

  /** What is loaded stays when its file goes. */
  private static OneDnnSupport loadFromTemporary(List<BundledLibrary> bundled, List<String> reasons)
      throws IOException {
    Path folder = Files.createTempDirectory("gpt-java-onednn");
    try {
      return load(bundled, folder, reasons);
    } finally {
      for (BundledLibrary library : bundled) {
        Files.deleteIfExists(folder.resolve(library.name()));
      }
      Files.deleteIfExists(folder);
    }
  }

  @SuppressWarnings("restricted")
  private static OneDnnSupport load(List<BundledLibrary> bundled, Path folder, List<String> reasons)
      throws IOException {
    for (BundledLibrary library : bundled) {
      library.copyInto(folder);
    }
    Path file = folder.resolve(LIBRARY);
    try {
      SymbolLookup symbols = SymbolLookup.libraryLookup(file, Arena.global());
      return new OneDnnSupport(Optional.of(new OneDnnApi(symbols)), file.toString(), reasons);
    } catch (IllegalArgumentException e) {
      reasons.add("%s: %s".formatted(file, words(file, e)));
      return absent(reasons);
    }
  }

  /** The loader's own words, which {@link SymbolLookup} drops. */
  @SuppressWarnings("restricted")
  private static String words(Path file, IllegalArgumentException thrown) {
    try {
      System.load(file.toAbsolutePath().toString());
      return thrown.getMessage();
    } catch (UnsatisfiedLinkError e) {
      String text = e.getMessage();
      return text.startsWith(file + ": ") ? text.substring(file.toString().length() + 2) : text;
    }
  }
}
