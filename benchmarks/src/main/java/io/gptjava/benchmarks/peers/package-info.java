/**
 * Other programs beside ours: each a process that trains the same model from the same weights on
 * the same batches, and says what each step cost and what its loss was.
 */
package io.gptjava.benchmarks.peers;
