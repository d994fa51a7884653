const holders = new WeakMap<object, Map<string, number>>()

/**
 * Counts who holds a channel of a client whose subscriptions have no owner: on such a client, whoever unsubscribes does so
 * for all. The function returned gives it back, and says whether that was the last.
 */
export function hold(client: object, channel: string): () => boolean {
  const counts = holders.get(client) ?? new Map<string, number>()
  holders.set(client, counts)
  counts.set(channel, (counts.get(channel) ?? 0) + 1)
  return () => {
    const left = (counts.get(channel) ?? 1) - 1
    if (left > 0) counts.set(channel, left)
    else counts.delete(channel)
    return left <= 0
  }
}
