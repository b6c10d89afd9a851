/** The recorded measurements and their summary. */
package io.gptjava.benchmarks.results;
