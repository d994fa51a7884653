/**
 * Ways to break core, each in one place. `from` must be found exactly once: the list is kept true by that.
 *
 * @type {readonly { what: string, file: string, from: string, to: string }[]}
 */
export const mutations = [
  { what: 'drop a release', file: 'generation.ts', from: '    this.leases--\n', to: '' },
  {
    what: 'swap before the check',
    file: 'preparation.ts',
    from: 'await opening.check(client)',
    to: 'opening.check(client).catch(() => {})',
  },
  {
    what: 'close at one lease',
    file: 'retirement.ts',
    from: 'leases === 0) this.#close',
    to: 'leases <= 1) this.#close',
  },
  { what: 'forget a waiter', file: 'waiters.ts', from: 'else this.#last.behind = waiter', to: '' },
  {
    what: 'two opens at once',
    file: 'turns.ts',
    from: 'drained: this.#last.then(() =>',
    to: 'drained: Promise.resolve().then(() =>',
  },
  {
    what: 'let any number of generations drain',
    file: 'retirements.ts',
    from: 'if (draining.length < DRAINING_AT_ONCE && !crowded) return',
    to: 'return',
  },
  {
    what: 'keep a fresh client that failed its check',
    file: 'preparation.ts',
    from: 'if (fresh !== undefined) this.#listener.discarded(fresh)',
    to: '',
  },
  {
    what: 'keep what is to be cut, and cut what is to be kept',
    file: 'flush-request.ts',
    from: "? 'cut' : 'stay'",
    to: "? 'stay' : 'cut'",
  },
  {
    what: 'forget a client that arrives late',
    file: 'opening.ts',
    from: 'opened?.then(arrivedLate, () => {})',
    to: '',
  },
  {
    what: 'leave those who wait at close()',
    file: 'rotator.ts',
    from: 'this.#waiters.failAll(closedError(name))',
    to: '',
  },
  {
    what: 'one connection too many while generations overlap',
    file: 'admission.ts',
    from: 'held < this.#room',
    to: 'held <= this.#room',
  },
  {
    what: 'one lease more than the limit',
    file: 'admission.ts',
    from: 'generation.parting >= generation.limit',
    to: 'generation.parting > generation.limit',
  },
  {
    what: 'one more connection in the place of one that is closing',
    file: 'admission.ts',
    from: 'generation.pooled + generation.parting >=',
    to: 'generation.pooled >=',
  },
  { what: 'leave the timer of a close', file: 'ending.ts', from: '    this.#timer.cancel()\n', to: '' },
  { what: 'cut without telling', file: 'retirement.ts', from: '      lease.holder.cut(error)\n', to: '' },
  {
    what: 'share a flush that has opened already',
    file: 'turns.ts',
    from: 'if (this.#next === turn) this.#next = undefined',
    to: '',
  },
  {
    what: 'leave a listener with each flush',
    file: 'opening.ts',
    from: "this.#closing.removeEventListener('abort', this.#onClose)",
    to: '',
  },
  {
    what: 'serve nobody when a lease ends',
    file: 'rotator.ts',
    from: 'if (this.#waiters.size > 0 || this.#room.wanted) this.#vacate()',
    to: '',
  },
  {
    what: 'hand out a client that is not trusted',
    file: 'rotator.ts',
    from: 'return this.#due.has(generation, now) ? undefined : generation.lease(holder, now)',
    to: 'return generation.lease(holder, now)',
  },
  {
    what: 'take a flush that takes its time for a sleep',
    file: 'scheduler.ts',
    from: '      this.#watchOver()\n',
    to: '',
  },
  {
    what: 'trust what was opened before the process slept',
    file: 'due.ts',
    from: 'if (generation.openedAt < before) generation.due = reason',
    to: '',
  },
  {
    what: 'two timers after a pause and a resume',
    file: 'scheduler.ts',
    from: '    this.#timer?.cancel()\n    this.#timer = this',
    to: '    this.#timer = this',
  },
  { what: 'claim no room for the fresh client', file: 'room.ts', from: 'claims = 1', to: 'claims = 0' },
  {
    what: 'let work begin during a hold',
    file: 'rotator.ts',
    from: '(this.#waiters.size > 0 || this.#hold.active) && !aside',
    to: 'this.#waiters.size > 0 && !aside',
  },
  {
    what: 'let the triggers watch after close()',
    file: 'flusher.ts',
    from: '    this.#watch.stop()\n    strike(this)',
    to: '    strike(this)',
  },
  {
    what: 'keep the process alive for nobody',
    file: 'rotator.ts',
    from: 'settle(request.deadlineMs, turn.awaited,',
    to: 'settle(request.deadlineMs, true,',
  },
  {
    what: 'tell those who wait before another may open',
    file: 'first-opening.ts',
    from: '        this.#end()\n        this.#listener.failed(error)',
    to: '        this.#listener.failed(error)\n        this.#end()',
  },
  {
    what: 'forget a first client that arrives late',
    file: 'rotator.ts',
    from: 'if (this.closed) return this.#arrivedLate(client)',
    to: 'if (this.closed) return',
  },
  {
    what: 'wait for ever for the first client',
    file: 'first-opening.ts',
    from: "late.reject(new PeriodicFlushError('TIMEOUT', message))",
    to: '',
  },
  {
    what: 'let a client take for ever to close',
    file: 'ending.ts',
    from: 'clock.after(longestMs, false, () => this.cut())',
    to: 'clock.after(longestMs, false, () => {})',
  },
]
