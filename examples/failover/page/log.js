const list = document.querySelector('#log')
const MOST = 5

const sentences = {
  move: ({ side }) => `The name points at ${side}.`,
  freeze: ({ side }) => `Frozen: ${side} answers nothing.`,
  thaw: ({ side }) => `Thawed: ${side} goes on where it stood.`,
  kill: ({ side }) => `Killed: ${side} ended the connections of all clients.`,
  cut: ({ client, generation, leases }) => `${client}: generation ${generation} was cut, with ${leases} still running.`,
  failed: ({ client, step }) => `${client}: a flush failed at its step “${step}”; the old client serves on.`,
}

/** Writes what happened, latest first. Flushes that went well are in the charts. */
export function log(mark) {
  const sentence = sentences[mark.kind]
  if (sentence === undefined) return
  const line = document.createElement('li')
  const time = document.createElement('time')
  time.textContent = `${mark.at.toFixed(1)} s`
  const text = document.createElement('span')
  text.textContent = sentence(mark)
  line.append(time, text)
  list.prepend(line)
  while (list.childElementCount > MOST) list.lastElementChild.remove()
}

export function clearLog() {
  list.replaceChildren()
}
