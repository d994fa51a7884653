/** How many seconds a chart shows. */
export const WINDOW_S = 30
/** Over how many seconds a rate is taken: shorter ones would show the sampling rather than the load. */
const RATE_S = 1

/** What the page was told lately, and what the charts make of it. */
export class History {
  #samples = []
  #marks = []
  /** The generations of each client, oldest first. */
  #generations = new Map()

  get latest() {
    return this.#samples.at(-1)
  }

  /** The part of time that is shown: it fills first, and moves then. */
  get window() {
    const end = Math.max(WINDOW_S, this.latest?.at ?? 0)
    return [end - WINDOW_S, end]
  }

  /** What is drawn across a chart: all that was done to the servers and the name. */
  get acts() {
    return this.#marks.filter(({ kind }) => kind === 'move' || kind === 'freeze' || kind === 'thaw' || kind === 'kill')
  }

  sample(sample) {
    // A little more than is shown, so that the first rate that is shown has something before it.
    this.#samples = [...this.#samples.filter(({ at }) => at > sample.at - WINDOW_S - 2 * RATE_S), sample]
    for (const { name, rotation } of sample.clients) if (rotation?.generation) this.#seen(name, rotation, sample.at)
  }

  mark(mark) {
    this.#marks = [...this.#marks.filter(({ at }) => at > mark.at - WINDOW_S), mark]
    if (mark.kind === 'swap') this.#swapped(mark)
    if (mark.kind === 'retired' || mark.kind === 'cut') {
      const generation = this.generations(mark.client).find(({ number }) => number === mark.generation)
      if (generation) generation.gone ??= mark.at
    }
  }

  /** Columns for a chart: time, and what was answered by blue, by green, and failed, a second each. */
  columns(name) {
    const columns = [[], [], [], []]
    let before = 0
    for (const sample of this.#samples) {
      while (this.#samples[before + 1]?.at <= sample.at - RATE_S) before++
      const now = sample.clients.find((client) => client.name === name)
      const then = this.#samples[before].clients.find((client) => client.name === name)
      const seconds = Math.max(RATE_S, sample.at - this.#samples[before].at)
      const rate = (count) => (count(now) - count(then)) / seconds
      columns[0].push(sample.at)
      columns[1].push(rate(({ answered }) => answered.blue))
      columns[2].push(rate(({ answered }) => answered.green))
      columns[3].push(rate(({ failed }) => failed))
    }
    return columns
  }

  /** Each with its number, when it began to serve, retired and was gone, which server it is on, and its leases. */
  generations(name) {
    return this.#generations.get(name) ?? []
  }

  #swapped({ client, at, generation, replaced, side, leases }) {
    const known = this.generations(client).filter(({ gone }) => gone === undefined || gone > at - WINDOW_S)
    const old = known.find(({ number }) => number === replaced)
    if (old) Object.assign(old, { retiredAt: at, leases, leasesAtSwap: leases })
    this.#generations.set(client, [...known, { number: generation, from: at, side }])
  }

  /** The first generation is opened by the first query and swapped in for nothing. */
  #seen(name, { generation, retiring }, at) {
    const known = this.generations(name)
    if (known.length === 0) this.#generations.set(name, [{ number: generation, from: at, side: 'blue' }])
    for (const { generation: number, leases } of retiring) {
      const old = known.find((each) => each.number === number)
      if (old) old.leases = leases
    }
  }
}
