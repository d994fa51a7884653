import { Chart } from './chart.js'

const sides = ['blue', 'green']

/** Shows one client. */
export class Card {
  #name
  #history
  #element
  #chart

  constructor(name, { history, rate, intervalMs, grid }) {
    this.#name = name
    this.#history = history
    const [orm, kind] = name.split(' ')
    const card = document.querySelector('#card').content.firstElementChild.cloneNode(true)
    card.dataset.client = name
    card.setAttribute('aria-label', name)
    card.querySelector('.orm').textContent = orm[0].toUpperCase() + orm.slice(1)
    card.querySelector('.tag').textContent = kind === 'plain' ? 'plain' : `flushes every ${intervalMs / 1_000} s`
    grid.append(card)
    this.#element = card
    this.#chart = new Chart(card.querySelector('.chart'), name, history, rate)
  }

  draw() {
    const client = this.#history.latest.clients.find(({ name }) => name === this.#name)
    const [, blue, green] = this.#history.columns(this.#name).map((column) => column.at(-1))
    const side = blue + green === 0 ? undefined : blue > green ? 'blue' : 'green'
    this.#answers(side)
    this.#say('rate', (blue + green).toFixed(0))
    this.#say('failed', client.failed, client.failed > 0)
    this.#say('waiting', client.waiting, side === undefined && client.waiting > 0)
    this.#say('moved', client.movedAfterMs === null ? '–' : `${client.movedAfterMs} ms`)
    this.#say('connections', sides.map((each) => `${each} ${client.connections[each] ?? '?'}`).join(' · '))
    this.#say('generation', generation(client))
    this.#say('retired', client.rotation ? retired(this.#history.generations(this.#name)) : '–')
    this.#chart.draw()
  }

  #answers(side) {
    const text = this.#element.querySelector('.answers')
    text.textContent = side === undefined ? 'nobody answers' : `${side} answers`
    if (side === undefined) delete text.dataset.side
    else text.dataset.side = side
    this.#element.querySelector('.chart').ariaLabel =
      `Throughput of ${this.#name} over the last seconds; ${text.textContent}`
  }

  #say(value, text, bad = false) {
    const element = this.#element.querySelector(`[data-value="${value}"]`)
    element.textContent = text
    element.toggleAttribute('data-bad', bad)
  }
}

function generation({ rotation }) {
  if (rotation === undefined) return 'one client, never flushed'
  return `${rotation.generation ?? '–'} · ${leases(rotation.leases)}`
}

/** What became of the generation that retired last. */
function retired(generations) {
  const old = generations.findLast(({ retiredAt }) => retiredAt !== undefined)
  if (old === undefined) return 'none yet'
  if (old.gone === undefined) return `${old.number} · ${leases(old.leases)} still to end`
  return `${old.number} · ${leases(old.leasesAtSwap)} · gone in ${Math.round((old.gone - old.retiredAt) * 1_000)} ms`
}

function leases(count) {
  return `${count} ${count === 1 ? 'lease' : 'leases'}`
}
