package io.gptjava.core.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.DType;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.safetensors.SafetensorsWriter.Item;
import io.gptjava.core.safetensors.SafetensorsWriter.Written;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsTest {
  @TempDir Path folder;

  private static Item floats(String name, float[] values, long... shape) {
    return new Item(name, StoredType.F32, shape, MemorySegment.ofArray(values));
  }

  private static float[] read(SafetensorsFile file, String name) {
    float[] values = new float[(int) file.tensor(name).elements()];
    file.copyFloats(name, MemorySegment.ofArray(values));
    return values;
  }

  @Test
  void writtenBytesAreThoseOfTheFormat() throws IOException {
    Path path = folder.resolve("small.safetensors");
    Written written =
        SafetensorsWriter.write(
            path,
            Map.of("format", "pt"),
            List.of(
                floats("w", new float[] {1, -2}, 2, 1),
                new Item(
                    "n", StoredType.U8, new long[] {}, MemorySegment.ofArray(new byte[] {7}))));
    String json =
        "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"w\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},"
            + "\"n\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[8,9]}}";
    json += " ".repeat((8 - json.length() % 8) % 8);
    ByteBuffer expected = ByteBuffer.allocate(8 + json.length() + 9).order(ByteOrder.LITTLE_ENDIAN);
    expected.putLong(json.length()).put(json.getBytes(StandardCharsets.UTF_8));
    expected.putFloat(1).putFloat(-2).put((byte) 7);
    assertArrayEquals(expected.array(), Files.readAllBytes(path));
    assertEquals(expected.capacity(), written.bytes());
    assertEquals(FileChecksum.crc32c(path), written.crc32c());
  }

  @Test
  void largeNativeTensorsComeBackAndFilesAreTheSameBytes() throws IOException {
    Random random = new Random(1);
    Path first = folder.resolve("first");
    Path second = folder.resolve("second");
    int count = 1_300_007; // several blocks and a tail
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocate(4L * count, 64);
      for (int i = 0; i < count; i++) {
        segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextFloat());
      }
      List<Item> items =
          List.of(
              new Item("a \"quoted\" é", StoredType.F32, new long[] {count}, segment),
              floats("empty", new float[0], 0, 5));
      Map<String, String> metadata = Map.of("b", "2", "a", "1", "c", "\n");
      Written one = SafetensorsWriter.write(first, metadata, items);
      Written two = SafetensorsWriter.write(second, metadata, items);
      assertEquals(one, two);
      assertEquals(-1, Files.mismatch(first, second));
      try (SafetensorsFile file = SafetensorsFile.open(first)) {
        assertEquals(metadata, file.metadata());
        assertEquals(List.of("a \"quoted\" é", "empty"), List.copyOf(file.tensors().keySet()));
        assertEquals(-1, file.bytes("a \"quoted\" é").mismatch(segment));
        assertEquals(0, read(file, "empty").length);
      }
    }
  }

  @Test
  void writesTheFirstRowsOfAPaddedTensor() {
    Path path = folder.resolve("padded");
    SafetensorsWriter.write(
        path, Map.of(), List.of(floats("wte", new float[] {1, 2, 3, 4, 0, 0}, 2, 2)));
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertEquals(List.of(2L, 2L), file.tensor("wte").shape());
      assertArrayEquals(new float[] {1, 2, 3, 4}, read(file, "wte"));
    }
  }

  @Test
  void convertsFloatingPointTypes() {
    Path path = folder.resolve("types");
    short[] half = {0x3C00, (short) 0xC000, 0x0001, 0x7C00, (short) 0x8000};
    short[] brain = {0x3F80, (short) 0xC000, 0x0001, 0x7F80, (short) 0x8000};
    double[] wide = {1, -2, 1e300, Math.PI, Double.NaN};
    SafetensorsWriter.write(
        path,
        Map.of(),
        List.of(
            // One byte first, so that all that follows is unaligned.
            new Item("u", StoredType.BOOL, new long[] {1}, MemorySegment.ofArray(new byte[1])),
            new Item("half", StoredType.F16, new long[] {5}, MemorySegment.ofArray(half)),
            new Item("brain", StoredType.BF16, new long[] {5}, MemorySegment.ofArray(brain)),
            new Item("wide", StoredType.F64, new long[] {5}, MemorySegment.ofArray(wide)),
            new Item("ids", StoredType.I64, new long[] {1}, MemorySegment.ofArray(new long[1]))));
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertArrayEquals(
          new float[] {1, -2, 0x1p-24f, Float.POSITIVE_INFINITY, -0f}, read(file, "half"));
      assertArrayEquals(
          new float[] {1, -2, Float.intBitsToFloat(0x10000), Float.POSITIVE_INFINITY, -0f},
          read(file, "brain"));
      assertArrayEquals(
          new float[] {1, -2, Float.POSITIVE_INFINITY, (float) Math.PI, Float.NaN},
          read(file, "wide"));
      expect("floating-point", () -> read(file, "ids"));
      expect("no tensor 'x'", () -> file.tensor("x"));
      expect("5 elements, 4", () -> file.copyFloats("half", MemorySegment.ofArray(new float[4])));
    }
    for (DType type : DType.values()) {
      assertEquals(type.bytes(), StoredType.of(type).bytes());
    }
  }

  @Test
  void itemsThatCannotBeWrittenAreRefused() {
    Path path = folder.resolve("never");
    assertThrows(IllegalArgumentException.class, () -> floats("w", new float[3], 2, 2));
    assertThrows(IllegalArgumentException.class, () -> floats("w", new float[3], -1));
    assertThrows(IllegalArgumentException.class, () -> floats("__metadata__", new float[3], 3));
    List<Item> twice = List.of(floats("w", new float[1], 1), floats("w", new float[1], 1));
    assertThrows(
        IllegalArgumentException.class, () -> SafetensorsWriter.write(path, Map.of(), twice));
    GptException e =
        assertThrows(
            GptException.class,
            () -> SafetensorsWriter.write(folder.resolve("no/folder"), Map.of(), List.of()));
    assertTrue(e.getMessage().contains("no/folder"), e.getMessage());
  }

  @Test
  void refusesHostileHeaders() throws IOException {
    String tensor = "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]";
    refuse("unknown dtype", "{\"w\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4);
    refuse("negative", "{\"w\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4);
    refuse("negative", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4);
    refuse(
        "beyond any memory",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}",
        0);
    refuse(
        "beyond any memory",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]}}",
        4);
    refuse(
        "not valid JSON",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}",
        4);
    refuse("whole number", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4);
    refuse(
        "need 4 bytes, its offsets [0, 8] hold 8",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}",
        8);
    refuse("offsets [4, 0]", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4);
    refuse(
        "holds more than 2",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}",
        4);
    refuse("two data_offsets", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4);
    refuse("lacks a dtype", "{\"w\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4);
    refuse("unknown key 'x'", "{\"w\":{" + tensor + ",\"x\":1}}", 4);
    refuse("overlapping byte 4", "{\"v\":{" + tensor + "},\"w\":{" + tensor + "}}", 4);
    refuse(
        "gap after byte 4",
        "{\"v\":{" + tensor + "},\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[5,6]}}",
        6);
    refuse("uplicate", "{\"w\":{" + tensor + "},\"w\":{" + tensor + "}}", 4);
    refuse("uplicate", "{\"w\":{\"dtype\":\"F32\"," + tensor + "}}", 4);
    refuse("an object", "{\"w\":[1]}", 0);
    refuse("a string", "{\"__metadata__\":{\"a\":1}}", 0);
    refuse("an object", "{\"__metadata__\":\"a\"}", 0);
    refuse("an object", "{\"w\":" + "[".repeat(100_000), 0);
    refuse("nesting depth", "{\"w\":{\"shape\":" + "[".repeat(100_000), 0);
    refuse("not valid JSON", "{\"w\":{" + tensor + "}", 4);
    refuse("closing brace", "{}{}", 0);
    refuse("begin with '{'", " {}", 0);
    refuse("begin with '{'", "[]", 0);
    refuse("1 bytes follow its last tensor", "{\"w\":{" + tensor + "}}", 5);
    refuse("truncated", "{\"w\":{" + tensor + "}}", 3);
  }

  @Test
  void refusesTruncatedAndForeignFiles() throws IOException {
    Path path = folder.resolve("whole");
    SafetensorsWriter.write(path, Map.of(), List.of(floats("w", new float[100], 100)));
    byte[] whole = Files.readAllBytes(path);
    Path cut = folder.resolve("cut");
    for (int length = 0; length < whole.length; length++) {
      Files.write(cut, Arrays.copyOf(whole, length));
      String needed =
          length < 8 ? "needs 8 bytes" : length < whole.length - 400 ? "need " : "" + whole.length;
      GptException e = expect("is truncated", () -> SafetensorsFile.open(cut).close());
      assertTrue(e.getMessage().contains(needed), e.getMessage());
      assertTrue(e.getMessage().contains("the file has " + length + ")"), e.getMessage());
    }
    Files.writeString(cut, "PK\3\4 this is a zip file, as torch.save writes it");
    expect("not a safetensors file", () -> SafetensorsFile.open(cut).close());
    Files.write(cut, new byte[] {-1, -1, -1, -1, -1, -1, -1, -1, '{', '}'});
    expect("18446744073709551615", () -> SafetensorsFile.open(cut).close());
    expect("does not exist", () -> SafetensorsFile.open(folder.resolve("none")).close());
    expect("not a file", () -> SafetensorsFile.open(folder).close());
  }

  @Test
  void damagedHeadersNeverEscapeAsOtherErrors() throws IOException {
    Path path = folder.resolve("fuzz");
    SafetensorsWriter.write(
        path,
        Map.of("format", "pt"),
        List.of(floats("wte", new float[12], 3, 4), floats("wpe", new float[4], 4)));
    byte[] whole = Files.readAllBytes(path);
    int header = (int) ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getLong() + 8;
    Random random = new Random(9);
    int refused = 0;
    for (int round = 0; round < 1000; round++) {
      byte[] damaged = whole.clone();
      for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
        damaged[random.nextInt(header)] =
            (byte)
                (random.nextBoolean()
                    ? random.nextInt(256)
                    : "{}[]\",:0129-e".charAt(random.nextInt(13)));
      }
      Files.write(path, damaged);
      try (SafetensorsFile file = SafetensorsFile.open(path)) {
        long bytes = file.tensors().values().stream().mapToLong(TensorEntry::byteSize).sum();
        assertEquals(
            file.tensors().keySet().stream().mapToLong(n -> file.bytes(n).byteSize()).sum(), bytes);
      } catch (GptException e) {
        refused++;
        assertEquals(Failure.CHECKPOINT, e.failure());
      }
    }
    assertTrue(refused > 500, "only " + refused + " refused");
  }

  private void refuse(String reason, String json, int dataBytes) throws IOException {
    byte[] text = json.getBytes(StandardCharsets.UTF_8);
    ByteBuffer file = ByteBuffer.allocate(8 + text.length + dataBytes);
    file.order(ByteOrder.LITTLE_ENDIAN).putLong(text.length).put(text);
    Path path = folder.resolve("hostile.safetensors");
    Files.write(path, file.array());
    expect(reason, () -> SafetensorsFile.open(path).close());
  }

  private GptException expect(String reason, org.junit.jupiter.api.function.Executable action) {
    GptException e = assertThrows(GptException.class, action);
    assertEquals(Failure.CHECKPOINT, e.failure());
    assertTrue(e.getMessage().contains(folder.toString()), e.getMessage());
    assertTrue(e.getMessage().contains(reason), e.getMessage());
    assertTrue(e.getMessage().length() < 600, e.getMessage());
    return e;
  }
}
