/**
 * GPT-2 in libtorch, called from Java, as a peer of ours; compiled in the profile libtorch only.
 */
package io.gptjava.benchmarks.libtorch;
