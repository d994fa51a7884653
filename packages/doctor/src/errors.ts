/** The command was used wrongly. Its message may be shown: it quotes nothing that could be a secret. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Nothing came back in the time that was given: the one failure in which a pool would still be waiting. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'

  constructor(patienceMs: number) {
    super(`no answer within ${patienceMs} ms`)
  }
}

/** Settles as `work` does, or rejects with a `NoAnswer` once the time is over; then `work` goes on unheard. */
export async function withPatience<T>(work: Promise<T>, patienceMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new NoAnswer(patienceMs)), patienceMs)
  })
  try {
    return await Promise.race([work, over])
  } finally {
    clearTimeout(timer)
  }
}

/** What went wrong in a few words, with its code in front; several attempts in one error are told by the first. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  if (!(error instanceof Error)) return 'an unknown failure'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  if (code === undefined || error.message.includes(code)) return error.message
  return `${error.message} (${code})`
}
