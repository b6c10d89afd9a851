package io.gptjava.train.tensorboard;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Label;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Type;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.Descriptors.DescriptorValidationException;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.StructProto;
import com.google.protobuf.Value;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Reads event files the way TensorBoard does, with nothing from the writer: TFRecord framing and
 * CRC-32C by their definitions, the messages by protobuf-java from descriptors of its own.
 */
public final class EventReader {
  private static final FileDescriptor SCHEMA = schema();

  private EventReader() {}

  /**
   * A record.
   *
   * @param kind the field that says what it is: file_version, summary or session_log
   * @param values by tag: a Float, a String, or a Map of hyper-parameters
   */
  record Event(double wallTime, long step, String kind, Map<String, Object> values) {}

  /** All records of a file, which must be whole. */
  static List<Event> read(Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    List<Event> events = new ArrayList<>();
    while (bytes.hasRemaining()) {
      byte[] length = new byte[8];
      bytes.get(length);
      assertEquals(unmask(bytes.getInt()), crc32c(length), "checksum of a length");
      byte[] record =
          new byte[(int) ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong()];
      bytes.get(record);
      assertEquals(unmask(bytes.getInt()), crc32c(record), "checksum of a record");
      events.add(event(DynamicMessage.parseFrom(SCHEMA.findMessageTypeByName("Event"), record)));
    }
    return events;
  }

  /** Steps of the events of a run that have a value of this tag, in TensorBoard's order. */
  public static List<Long> steps(Path run, String tag) throws IOException {
    List<Long> steps = new ArrayList<>();
    for (Path file : files(run)) {
      for (Event event : read(file)) {
        if (event.values().containsKey(tag)) {
          steps.add(event.step());
        }
      }
    }
    return steps;
  }

  /** The event files of a run, in TensorBoard's order. */
  static List<Path> files(Path run) throws IOException {
    try (Stream<Path> files = Files.list(run)) {
      return files.filter(f -> f.toString().contains("tfevents")).sorted().toList();
    }
  }

  /** Undoes the mask: crc32c.h's Unmask. */
  private static int unmask(int masked) {
    int rotated = masked - 0xa282ead8;
    return rotated >>> 17 | rotated << 15;
  }

  /** Bit by bit, with the reversed Castagnoli polynomial. */
  private static int crc32c(byte[] bytes) {
    int crc = ~0;
    for (byte b : bytes) {
      crc ^= b & 0xFF;
      for (int bit = 0; bit < 8; bit++) {
        crc = crc >>> 1 ^ ((crc & 1) == 0 ? 0 : 0x82F63B78);
      }
    }
    return ~crc;
  }

  private static Event event(DynamicMessage message) throws InvalidProtocolBufferException {
    assertEquals(Map.of(), message.getUnknownFields().asMap(), "fields that no one knows");
    Map<String, Object> values = new LinkedHashMap<>();
    String kind = "";
    for (String field : List.of("file_version", "summary", "session_log")) {
      kind = message.hasField(message.getDescriptorForType().findFieldByName(field)) ? field : kind;
    }
    if (kind.equals("file_version")) {
      values.put(kind, get(message, kind));
    } else if (kind.equals("session_log")) {
      values.put("status", get((DynamicMessage) get(message, kind), "status"));
    } else {
      for (Object value : (List<?>) get((DynamicMessage) get(message, kind), "value")) {
        DynamicMessage item = (DynamicMessage) value;
        values.put((String) get(item, "tag"), content(item));
      }
    }
    return new Event((double) get(message, "wall_time"), (long) get(message, "step"), kind, values);
  }

  private static Object content(DynamicMessage value) throws InvalidProtocolBufferException {
    if (value.hasField(value.getDescriptorForType().findFieldByName("simple_value"))) {
      return get(value, "simple_value");
    }
    DynamicMessage metadata = (DynamicMessage) get(value, "metadata");
    DynamicMessage plugin = (DynamicMessage) get(metadata, "plugin_data");
    DynamicMessage tensor = (DynamicMessage) get(value, "tensor");
    assertEquals(2, get(metadata, "data_class"), "DATA_CLASS_TENSOR");
    if (get(plugin, "plugin_name").equals("text")) {
      assertEquals(7, get(tensor, "dtype"), "DT_STRING");
      List<?> texts = (List<?>) get(tensor, "string_val");
      assertEquals(1, texts.size());
      return ((ByteString) texts.getFirst()).toStringUtf8();
    }
    assertEquals("hparams", get(plugin, "plugin_name"));
    DynamicMessage content =
        DynamicMessage.parseFrom(
            SCHEMA.findMessageTypeByName("HParamsPluginData"), (ByteString) get(plugin, "content"));
    Map<String, Object> values = new LinkedHashMap<>();
    DynamicMessage start = (DynamicMessage) get(content, "session_start_info");
    for (Object entry : (List<?>) get(start, "hparams")) {
      DynamicMessage pair = (DynamicMessage) entry;
      Value parameter = Value.parseFrom(((DynamicMessage) get(pair, "value")).toByteString());
      values.put((String) get(pair, "key"), plain(parameter));
    }
    values.put("group", get(start, "group_name"));
    values.put("end", get((DynamicMessage) get(content, "session_end_info"), "status"));
    return values;
  }

  private static Object plain(Value value) {
    return switch (value.getKindCase()) {
      case NUMBER_VALUE -> value.getNumberValue();
      case BOOL_VALUE -> value.getBoolValue();
      default -> value.getStringValue();
    };
  }

  private static Object get(DynamicMessage message, String field) {
    return message.getField(message.getDescriptorForType().findFieldByName(field));
  }

  /** event.proto, summary.proto, tensor.proto and hparams' plugin_data.proto, as far as used. */
  private static FileDescriptor schema() {
    FileDescriptorProto.Builder file =
        FileDescriptorProto.newBuilder()
            .setName("events.proto")
            .setSyntax("proto3")
            .addDependency("google/protobuf/struct.proto");
    file.addMessageType(
        message(
            "Event",
            field("wall_time", 1, Type.TYPE_DOUBLE),
            field("step", 2, Type.TYPE_INT64),
            field("file_version", 3, Type.TYPE_STRING).setProto3Optional(true),
            field("summary", 5, ".Summary"),
            field("session_log", 7, ".SessionLog")));
    file.addMessageType(message("SessionLog", field("status", 1, Type.TYPE_INT32)));
    file.addMessageType(
        message("Summary", field("value", 1, ".SummaryValue").setLabel(Label.LABEL_REPEATED)));
    file.addMessageType(
        message(
            "SummaryValue",
            field("tag", 1, Type.TYPE_STRING),
            field("simple_value", 2, Type.TYPE_FLOAT).setProto3Optional(true),
            field("tensor", 8, ".Tensor"),
            field("metadata", 9, ".SummaryMetadata")));
    file.addMessageType(
        message(
            "SummaryMetadata",
            field("plugin_data", 1, ".PluginData"),
            field("data_class", 4, Type.TYPE_INT32)));
    file.addMessageType(
        message(
            "PluginData",
            field("plugin_name", 1, Type.TYPE_STRING),
            field("content", 2, Type.TYPE_BYTES)));
    file.addMessageType(
        message(
            "Tensor",
            field("dtype", 1, Type.TYPE_INT32),
            field("string_val", 8, Type.TYPE_BYTES).setLabel(Label.LABEL_REPEATED)));
    file.addMessageType(
        message(
            "HParamsPluginData",
            field("version", 1, Type.TYPE_INT32),
            field("session_start_info", 3, ".SessionStartInfo"),
            field("session_end_info", 4, ".SessionEndInfo")));
    file.addMessageType(
        message(
            "SessionStartInfo",
            field("hparams", 1, ".Hparam").setLabel(Label.LABEL_REPEATED),
            field("group_name", 4, Type.TYPE_STRING),
            field("start_time_secs", 5, Type.TYPE_DOUBLE)));
    file.addMessageType(
        message(
            "Hparam",
            field("key", 1, Type.TYPE_STRING),
            field("value", 2, ".google.protobuf.Value")));
    file.addMessageType(message("SessionEndInfo", field("status", 1, Type.TYPE_INT32)));
    try {
      return FileDescriptor.buildFrom(
          file.build(), new FileDescriptor[] {StructProto.getDescriptor()});
    } catch (DescriptorValidationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** An optional field of proto3 is alone in a oneof of its own. */
  private static DescriptorProto message(String name, FieldDescriptorProto.Builder... fields) {
    DescriptorProto.Builder message = DescriptorProto.newBuilder().setName(name);
    for (FieldDescriptorProto.Builder field : fields) {
      if (field.getProto3Optional()) {
        field.setOneofIndex(message.getOneofDeclCount());
        message.addOneofDeclBuilder().setName("_" + field.getName());
      }
      message.addField(field);
    }
    return message.build();
  }

  private static FieldDescriptorProto.Builder field(String name, int number, Type type) {
    return FieldDescriptorProto.newBuilder()
        .setName(name)
        .setNumber(number)
        .setType(type)
        .setLabel(Label.LABEL_OPTIONAL);
  }

  private static FieldDescriptorProto.Builder field(String name, int number, String message) {
    return field(name, number, Type.TYPE_MESSAGE).setTypeName(message);
  }
}
