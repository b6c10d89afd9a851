package io.gptjava.cuda.ffi;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.net.URI;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.SequencedSet;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Looks for NVIDIA's libraries, in this order: where the user said; the system's loader; toolkits
 * below {@code /usr/local/cuda*}; the folders of Python's NVIDIA wheels; a folder {@code cuda}
 * beside this program's jars, which the Maven profile {@code cuda-redist} fills. Every place that
 * was tried in vain is reported with its reason.
 */
public final class LibraryFinder {
  private static final List<String> TOOLKIT_FOLDERS =
      List.of("lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib");
  private static final List<String> PYTHON_FOLDERS =
      List.of(
          "lib/python3*/site-packages",
          "lib/python3*/dist-packages",
          "lib64/python3*/site-packages");
  private static final List<String> DRIVER_FOLDERS =
      List.of(
          "usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib/wsl/lib");

  private final List<Path> named;
  private final List<Path> toolkits;
  private final List<Path> wheels;
  private final List<Path> besideProgram;
  private final List<Path> drivers;

  /**
   * A search.
   *
   * @param library a file that is asked for the functions of every library first, as the host
   *     emulator holds them all; or a folder like {@code home}
   * @param home root of a CUDA toolkit or of a Python environment with NVIDIA's wheels, or a folder
   *     that holds the libraries themselves
   */
  public LibraryFinder(Optional<Path> library, Optional<Path> home) {
    this(library, home, Path.of("/"), Path.of(System.getProperty("user.home", "/")));
  }

  /** A search below another root, for tests. */
  LibraryFinder(Optional<Path> library, Optional<Path> home, Path root, Path user) {
    named = Stream.concat(library.stream(), home.stream()).map(Path::toAbsolutePath).toList();
    toolkits = matching(root, "usr/local/cuda*").reversed();
    wheels = new ArrayList<>();
    for (Path prefix :
        List.of(user.resolve(".local"), root.resolve("usr/local"), root.resolve("usr"))) {
      wheels.addAll(wheelFolders(prefix));
    }
    besideProgram = besideProgram();
    drivers = DRIVER_FOLDERS.stream().map(root::resolve).toList();
  }

  private static List<Path> besideProgram() {
    CodeSource source = LibraryFinder.class.getProtectionDomain().getCodeSource();
    if (source == null || !"file".equals(source.getLocation().getProtocol())) {
      return List.of();
    }
    Path jar = Path.of(URI.create(source.getLocation().toString()));
    return matching(jar.resolveSibling("cuda"), "org/bytedeco/cuda/*");
  }

  /**
   * Finds a library.
   *
   * @param name what it is, such as {@code cublas}
   * @param symbol a function that tells it from others
   * @param sonames file names, the preferred first
   */
  public LibrarySearch find(String name, String symbol, List<String> sonames) {
    List<LibrarySearch.Rejected> rejected = new ArrayList<>();
    for (Candidate candidate : candidates(sonames)) {
      Supplier<String> reason;
      if (candidate.absent()) {
        reason = () -> "no such file";
      } else {
        try {
          SymbolLookup symbols = candidate.load();
          Optional<MemorySegment> found = symbols.find(symbol);
          if (found.isPresent()) {
            String path = LoadedFile.of(found.get()).orElse(candidate.name());
            NativeLibrary library = new NativeLibrary(name, path, symbols);
            return new LibrarySearch(name, Optional.of(library), rejected);
          }
          reason = () -> "has no function " + symbol;
        } catch (IllegalArgumentException e) {
          reason = () -> LoaderError.of(candidate.name());
        }
      }
      rejected.add(new LibrarySearch.Rejected(candidate.name(), reason));
    }
    return new LibrarySearch(name, Optional.empty(), rejected);
  }

  private SequencedSet<Candidate> candidates(List<String> sonames) {
    SequencedSet<Candidate> all = new LinkedHashSet<>();
    boolean ofDriver =
        sonames.getFirst().startsWith("libcuda.so")
            || sonames.getFirst().startsWith("libnvidia-ml");
    for (Path path : named) {
      if (Files.isDirectory(path)) {
        // Toolkits and wheels hold no driver, so their lack of one is no news.
        addFolders(all, foldersOf(path), sonames, !ofDriver);
      } else {
        all.add(new Candidate(path.toString(), Optional.of(path)));
      }
    }
    sonames.forEach(soname -> all.add(new Candidate(soname, Optional.empty())));
    if (ofDriver) {
      addFolders(all, drivers, sonames, false);
    } else {
      for (Path toolkit : toolkits) {
        addFolders(all, foldersOf(toolkit), sonames, false);
      }
      addFolders(all, wheels, sonames, false);
      addFolders(all, besideProgram, sonames, false);
    }
    return all;
  }

  /** Folders below a toolkit's root or a Python environment that may hold libraries. */
  private static List<Path> foldersOf(Path root) {
    List<Path> folders = new ArrayList<>();
    folders.add(root);
    TOOLKIT_FOLDERS.forEach(folder -> folders.add(root.resolve(folder)));
    folders.addAll(wheelFolders(root));
    return folders;
  }

  private static List<Path> wheelFolders(Path prefix) {
    List<Path> folders = new ArrayList<>();
    for (String python : PYTHON_FOLDERS) {
      folders.addAll(matching(prefix, python + "/nvidia/*/lib").reversed());
    }
    return folders;
  }

  /** Adds the files that exist; a folder that the user named is reported even where it has none. */
  private static void addFolders(
      SequencedSet<Candidate> all, List<Path> folders, List<String> sonames, boolean reported) {
    boolean any = false;
    for (Path folder : folders) {
      for (String soname : sonames) {
        Path file = folder.resolve(soname);
        if (Files.exists(file)) {
          all.add(new Candidate(file.toString(), Optional.of(file)));
          any = true;
        }
      }
    }
    if (reported && !any) {
      Path file = folders.getFirst().resolve(sonames.getFirst());
      all.add(new Candidate(file.toString(), Optional.of(file)));
    }
  }

  /** Existing folders that match a relative pattern whose parts may hold {@code *}, in order. */
  private static List<Path> matching(Path root, String pattern) {
    List<Path> found = List.of(root);
    for (String part : pattern.split("/")) {
      List<Path> next = new ArrayList<>();
      for (Path folder : found) {
        if (Files.isDirectory(folder)) {
          try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, part)) {
            entries.forEach(next::add);
          } catch (IOException e) {
            // A folder that cannot be read holds nothing for us.
            continue;
          }
        }
      }
      next.sort(Comparator.naturalOrder());
      found = next;
    }
    return found;
  }

  /** A file, or a bare name that the system's loader looks up. */
  private record Candidate(String name, Optional<Path> file) {
    boolean absent() {
      return file.isPresent() && !Files.exists(file.get());
    }

    @SuppressWarnings("restricted")
    SymbolLookup load() {
      return file.map(path -> SymbolLookup.libraryLookup(path, Arena.global()))
          .orElseGet(() -> SymbolLookup.libraryLookup(name, Arena.global()));
    }
  }
}
