/** The command was used wrongly. Its message may be shown: it quotes nothing that could be a secret. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What went wrong in a few words, with its code in front; several attempts in one error are told by the first. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  if (!(error instanceof Error)) return 'an unknown failure'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  if (code === undefined || error.message.includes(code)) return error.message
  return `${error.message} (${code})`
}
