/** Whether something became slower than it was: this run's timings against an earlier run's. */
package io.gptjava.benchmarks.baseline;
