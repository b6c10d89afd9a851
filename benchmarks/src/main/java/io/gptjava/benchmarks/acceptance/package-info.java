/**
 * The report of {@code benchmarks/gpu/acceptance.sh}: what its steps left behind, as JSON and as
 * Markdown.
 */
package io.gptjava.benchmarks.acceptance;
