package io.gptjava.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Constructor;
import java.nio.charset.StandardCharsets;

/**
 * Undoes what the launcher does against the JVM's notice about incubator modules, which no option
 * suppresses: it starts Java with standard error closed to a null device and the real one at
 * another descriptor, named by the property {@value #PROPERTY}.
 */
final class StandardError {
  private static final String PROPERTY = "gpt.stderr";
  private static final int STANDARD_ERROR = 2;

  private StandardError() {}

  /** Makes {@link System#err} and descriptor 2 the real standard error again. */
  static void restore() {
    Integer descriptor = Integer.getInteger(PROPERTY);
    if (descriptor == null) {
      return;
    }
    try {
      Constructor<FileDescriptor> open = FileDescriptor.class.getDeclaredConstructor(int.class);
      open.setAccessible(true);
      FileOutputStream stream = new FileOutputStream(open.newInstance(descriptor));
      System.setErr(new PrintStream(stream, true, StandardCharsets.UTF_8));
      // What native code writes can wait for the slower way.
      Thread.ofPlatform().daemon().name("stderr").start(() -> duplicate(descriptor));
    } catch (ReflectiveOperationException | RuntimeException e) {
      duplicate(descriptor);
    }
  }

  @SuppressWarnings("restricted") // one call into the C library
  private static void duplicate(int descriptor) {
    Linker linker = Linker.nativeLinker();
    FunctionDescriptor type =
        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);
    linker
        .defaultLookup()
        .find("dup2")
        .ifPresent(
            symbol -> {
              try {
                int result =
                    (int)
                        linker.downcallHandle(symbol, type).invokeExact(descriptor, STANDARD_ERROR);
                assert result == STANDARD_ERROR;
              } catch (Throwable e) {
                throw new IllegalStateException("cannot restore standard error", e);
              }
            });
  }
}
