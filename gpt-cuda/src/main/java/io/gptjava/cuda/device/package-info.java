/**
 * One GPU and what lives on it: context, streams, events, memory, modules, kernels, graphs. Whoever
 * opens closes; the device names what was left open.
 */
package io.gptjava.cuda.device;
