package io.gptjava.train.tensorboard;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * Builds the {@code Event} messages of TensorBoard. Source: TensorBoard's {@code event.proto},
 * {@code summary.proto}, {@code tensor.proto} and {@code plugins/hparams/plugin_data.proto}.
 */
final class EventRecord {
  /** Field numbers of {@code Event}. */
  private static final int WALL_TIME = 1;

  private static final int STEP = 2;
  private static final int FILE_VERSION = 3;
  private static final int SUMMARY = 5;
  private static final int SESSION_LOG = 7;

  /** Field numbers of {@code Summary.Value}. */
  private static final int TAG = 1;

  private static final int SIMPLE_VALUE = 2;
  private static final int TENSOR = 8;
  private static final int METADATA = 9;

  private static final int DATA_CLASS_TENSOR = 2;
  private static final int DT_FLOAT = 1;
  private static final int DT_STRING = 7;
  private static final int SESSION_START = 1;

  private EventRecord() {}

  private static ProtoWriter event(double wallTime, long step) {
    ProtoWriter event = new ProtoWriter().number(WALL_TIME, wallTime);
    return step == 0 ? event : event.number(STEP, step); // proto3 leaves out what is 0
  }

  /** The first record of every file. */
  static byte[] version(double wallTime) {
    return event(wallTime, 0).text(FILE_VERSION, "brain.Event:2").toBytes();
  }

  /** Says that the run goes on at a step: readers drop what they had from there on. */
  static byte[] restart(double wallTime, long step) {
    ProtoWriter start = new ProtoWriter().number(1, SESSION_START);
    return event(wallTime, step).message(SESSION_LOG, start).toBytes();
  }

  /** Numbers by tag. */
  static byte[] scalars(double wallTime, long step, Map<String, Double> values) {
    ProtoWriter summary = new ProtoWriter();
    values.forEach(
        (tag, value) ->
            summary.message(
                1, new ProtoWriter().text(TAG, tag).number(SIMPLE_VALUE, value.floatValue())));
    return event(wallTime, step).message(SUMMARY, summary).toBytes();
  }

  /** A text for the text plugin. */
  static byte[] text(double wallTime, long step, String tag, String text) {
    ProtoWriter tensor =
        new ProtoWriter()
            .number(1, DT_STRING)
            .message(2, vector())
            .bytes(8, text.getBytes(StandardCharsets.UTF_8));
    return summary(wallTime, step, tag, metadata("text", new byte[0]), tensor);
  }

  /**
   * What the run was configured with, for the hparams plugin.
   *
   * @param settings numbers, booleans and texts by name
   */
  static byte[] settings(double wallTime, String group, Map<String, Object> settings) {
    ProtoWriter session = new ProtoWriter();
    settings.forEach(
        (name, value) ->
            session.message(1, new ProtoWriter().text(1, name).message(2, value(value))));
    session.text(4, group).number(5, wallTime);
    ProtoWriter content = new ProtoWriter().message(3, session);
    return hparams(wallTime, 0, "_hparams_/session_start_info", content);
  }

  /** How the run ended, for the hparams plugin, which believes the first that it reads. */
  static byte[] end(double wallTime, long step, boolean success) {
    ProtoWriter session = new ProtoWriter().number(1, success ? 1L : 2L).number(2, wallTime);
    ProtoWriter content = new ProtoWriter().message(4, session);
    return hparams(wallTime, step, "_hparams_/session_end_info", content);
  }

  private static byte[] hparams(double wallTime, long step, String tag, ProtoWriter content) {
    ProtoWriter tensor = // the plugin reads the metadata only, but there must be one
        new ProtoWriter().number(1, DT_FLOAT).message(2, vector()).bytes(5, new byte[Float.BYTES]);
    return summary(wallTime, step, tag, metadata("hparams", content.toBytes()), tensor);
  }

  private static byte[] summary(
      double wallTime, long step, String tag, ProtoWriter metadata, ProtoWriter tensor) {
    ProtoWriter value =
        new ProtoWriter().text(TAG, tag).message(TENSOR, tensor).message(METADATA, metadata);
    return event(wallTime, step).message(SUMMARY, new ProtoWriter().message(1, value)).toBytes();
  }

  private static ProtoWriter metadata(String plugin, byte[] content) {
    ProtoWriter data = new ProtoWriter().text(1, plugin);
    if (content.length > 0) {
      data.bytes(2, content);
    }
    return new ProtoWriter().message(1, data).number(4, (long) DATA_CLASS_TENSOR);
  }

  /** The shape [1]. */
  private static ProtoWriter vector() {
    return new ProtoWriter().message(2, new ProtoWriter().number(1, 1L));
  }

  /** A {@code google.protobuf.Value}. */
  private static ProtoWriter value(Object value) {
    ProtoWriter writer = new ProtoWriter();
    return switch (value) {
      case Number number -> writer.number(2, number.doubleValue());
      case Boolean flag -> writer.number(4, flag ? 1L : 0L);
      default -> writer.text(3, value.toString());
    };
  }

  /** Whether a record belongs to what came before a step; one that is no event does not. */
  static boolean isBefore(byte[] record, long limit) {
    try {
      return isEventBefore(record, limit);
    } catch (BufferUnderflowException | IllegalArgumentException | ArithmeticException _) {
      return false;
    }
  }

  private static boolean isEventBefore(byte[] record, long limit) {
    ByteBuffer bytes = ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN);
    long step = 0;
    boolean version = false;
    while (bytes.hasRemaining()) {
      long tag = varint(bytes);
      long value = 0;
      switch ((int) (tag & 7)) {
        case ProtoWriter.VARINT -> value = varint(bytes);
        case ProtoWriter.FIXED64 -> bytes.getLong();
        case ProtoWriter.BYTES -> skip(bytes, varint(bytes));
        case ProtoWriter.FIXED32 -> bytes.getInt();
        default -> throw new IllegalArgumentException("wire type " + (tag & 7));
      }
      step = tag >> 3 == STEP ? value : step;
      version |= tag >> 3 == FILE_VERSION;
    }
    return version || step < limit;
  }

  private static void skip(ByteBuffer bytes, long count) {
    bytes.position(Math.toIntExact(Math.addExact(bytes.position(), count)));
  }

  private static long varint(ByteBuffer bytes) {
    long value = 0;
    int shift = 0;
    byte next;
    do {
      next = bytes.get();
      value |= (next & 0x7FL) << shift;
      shift += 7;
    } while (next < 0);
    return value;
  }
}
