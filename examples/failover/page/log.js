const rows = [...document.querySelectorAll('#log li')]

const sentences = {
  move: ({ side }) => `The name points at ${side}.`,
  freeze: ({ side }) => `Frozen: ${side} answers nothing.`,
  thaw: ({ side }) => `Thawed: ${side} goes on where it stood.`,
  kill: ({ side }) => `Killed: ${side} ended the connections of all clients.`,
  cut: ({ client, generation, leases }) => `${client}: generation ${generation} was cut, with ${leases} still running.`,
  failed: ({ client, step }) => `${client}: a flush failed at its step “${step}”; the old client serves on.`,
}

let told = []

/** Writes what happened, latest first. Flushes that went well are in the charts. */
export function log(mark) {
  const sentence = sentences[mark.kind]?.(mark)
  if (sentence === undefined) return
  told = [{ time: `${mark.at.toFixed(1)} s`, sentence }, ...told].slice(0, rows.length)
  write()
}

export function clearLog() {
  told = []
  write()
}

/** The rows stay where they are, and so does all below them. */
function write() {
  rows.forEach((row, index) => {
    const { time = '', sentence = '' } = told[index] ?? {}
    row.querySelector('time').textContent = time
    row.querySelector('span').textContent = sentence
  })
}
