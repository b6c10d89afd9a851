package io.gptjava.core;

import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What a device is doing at a moment; a reading that it does not support is empty.
 *
 * @param celsius temperature
 * @param watts power drawn
 * @param limitWatts most power that it may draw
 * @param megahertz clock of what computes
 * @param memoryMegahertz clock of the memory
 * @param memoryBytes memory in use, by whichever process
 */
public record DeviceReadings(
    OptionalInt celsius,
    OptionalDouble watts,
    OptionalDouble limitWatts,
    OptionalInt megahertz,
    OptionalInt memoryMegahertz,
    OptionalLong memoryBytes) {}
