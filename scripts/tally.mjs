// Counts tests from what test runners print: cargo's and wasm-bindgen's `test result:` lines, node's summary.

/** A count that reads lines. */
export class Tally {
  passed = 0;
  failed = 0;

  /** Takes one line of a runner's output. */
  see(line) {
    const plain = line.replace(/\x1b\[[\d;]*m/g, '');
    const rust = plain.match(/^test result: \S+ (\d+) passed; (\d+) failed;/);
    if (rust) this.add(Number(rust[1]), Number(rust[2]));
    const node = plain.match(/^(?:ℹ|#) (pass|fail|cancelled) (\d+)$/);
    if (node?.[1] === 'pass') this.add(Number(node[2]), 0);
    else if (node) this.add(0, Number(node[2]));
  }

  /** Adds counts. */
  add(passed, failed) {
    this.passed += passed;
    this.failed += failed;
  }

  /**
   * Judges a stage by how its runner ended, and answers what is wrong beyond failed tests. A runner that ended badly without a
   * failed test, or that ran nothing, is itself a failure.
   */
  close(code) {
    let reason = null;
    if (code !== 0 && this.failed === 0) reason = `the runner ended with ${code}`;
    else if (this.passed + this.failed === 0) reason = 'no test ran';
    if (reason) this.failed += 1;
    return reason;
  }

  toString() {
    return `${this.passed} passed, ${this.failed} failed`;
  }
}
