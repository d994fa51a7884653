import { printable } from './printable.ts'

/** Where text goes. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
}

/** Tells what is being done: on a terminal in one line that changes, elsewhere in one line for each kind of step. */
export class Progress {
  readonly #output: Output
  #last = ''

  constructor(output: Output) {
    this.#output = output
  }

  step(text: string): void {
    const step = printable(text)
    if (this.#output.isTTY) {
      this.#output.write(`\r\u001B[K${step}…`)
      return
    }
    const kind = step.replace(/: \d+\/\d+$/, '')
    if (kind !== this.#last) this.#output.write(`${kind}…\n`)
    this.#last = kind
  }

  /** Leaves the line empty for what follows. */
  end(): void {
    if (this.#output.isTTY) this.#output.write('\r\u001B[K')
  }
}
