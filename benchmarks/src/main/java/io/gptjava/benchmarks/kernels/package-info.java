/** Times single ops at a model's shapes against the machine's measured ceilings. */
package io.gptjava.benchmarks.kernels;
