import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SCRIPT = join(import.meta.dirname, 'runner-program.mjs');

/** A program in place of the runners' Python that behaves as the test says. */
export class ScriptedRunner {
  private readonly folder: string;
  /** For `RATCHET_JOBS_PYTHON`. */
  readonly program: string;

  /** `candidate`: the model that it brings when it works. */
  constructor(folder: string, candidate: Uint8Array) {
    this.folder = join(folder, 'scripted-runner');
    this.program = join(this.folder, 'python');
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(join(this.folder, 'candidate.onnx'), candidate);
    writeFileSync(this.program, `#!/bin/sh\nexec '${process.execPath}' '${SCRIPT}' '${this.folder}' "$@"\n`);
    chmodSync(this.program, 0o755);
  }

  /** What its next runs do: one of the behaviours in `runner-program.mjs`. */
  behave(behaviour: string): void {
    writeFileSync(join(this.folder, 'behaviour'), behaviour);
  }

  /** The attempt of every run so far, as the runs themselves noted it. */
  get runs(): string[] {
    const file = join(this.folder, 'runs');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }
}
