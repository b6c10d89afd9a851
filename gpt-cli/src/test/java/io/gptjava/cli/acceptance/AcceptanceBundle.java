package io.gptjava.cli.acceptance;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A folder laid out as {@code benchmarks/gpu/bundle.sh} lays it out, of the classes that are being
 * tested: a link to this Java instead of jlink's, and one jar that refers to the class path.
 */
final class AcceptanceBundle {
  private AcceptanceBundle() {}

  /** Makes it in an empty folder; {@code root} is the source tree's. */
  static void make(Path root, Path bundle) throws IOException {
    Files.createDirectories(bundle.resolve("bin"));
    Files.createDirectories(bundle.resolve("lib"));
    Files.createDirectories(bundle.resolve("test/lib"));
    Files.copy(root.resolve("gpt"), bundle.resolve("bin/gpt"));
    Files.copy(root.resolve("benchmarks/gpu/acceptance.sh"), bundle.resolve("acceptance.sh"));
    Files.copy(root.resolve("benchmarks/peers/pytorch_gpt2.py"), bundle.resolve("pytorch_gpt2.py"));
    Files.writeString(bundle.resolve("COMMIT"), "abc123\n");
    Files.createSymbolicLink(bundle.resolve("runtime"), Path.of(System.getProperty("java.home")));
    classPathJar(bundle.resolve("lib/classes.jar"));
    for (Path jar : files(root.resolve("benchmarks/target/test-lib"))) {
      Files.copy(jar, bundle.resolve("test/lib").resolve(jar.getFileName()));
    }
    for (String module : List.of("gpt-cuda", "benchmarks")) {
      jar(
          root.resolve(module).resolve("target/test-classes"),
          bundle.resolve("test/" + module + "-tests.jar"));
    }
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  /** A jar that holds nothing but the class path of this test. */
  private static void classPathJar(Path jar) throws IOException {
    Manifest manifest = new Manifest();
    manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
    String entries =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .map(entry -> Path.of(entry).toUri().toString())
            .collect(Collectors.joining(" "));
    manifest.getMainAttributes().put(Attributes.Name.CLASS_PATH, entries);
    try (OutputStream file = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(file, manifest)) {
      out.finish();
    }
  }

  private static void jar(Path classes, Path jar) throws IOException {
    try (OutputStream file = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(file);
        Stream<Path> files = Files.walk(classes)) {
      for (Path each : files.filter(Files::isRegularFile).toList()) {
        out.putNextEntry(new JarEntry(classes.relativize(each).toString()));
        Files.copy(each, out);
      }
    }
  }
}
