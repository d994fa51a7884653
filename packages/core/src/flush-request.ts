import { addressOf, shareServer } from './address.ts'
import type { OnDeadline, ResolvedOptions } from './options.ts'

/** What a flush is asked to do; several requests that share one flush are merged into the strictest. */
export interface FlushRequest {
  readonly lazy: boolean
  readonly reason: string
  readonly deadlineMs: number
  readonly onDeadline: OnDeadline
  /** The old server is known to be dead or demoted. */
  readonly abandoned: boolean
  /** Addresses at which it is no longer to be found. */
  readonly gone: readonly string[]
  /** A caller waits, so timers keep the process alive. */
  readonly hold: boolean
}

/** A request as the options have it. */
export function requestOf(
  { deadlineMs, onDeadline }: Pick<ResolvedOptions, 'deadlineMs' | 'onDeadline'>,
  given: Pick<FlushRequest, 'reason' | 'hold'> & Partial<FlushRequest>,
): FlushRequest {
  return { deadlineMs, onDeadline, abandoned: false, gone: [], lazy: false, ...given }
}

/** Two requests that share one flush make the stricter one. */
export function merged(a: FlushRequest, b: FlushRequest): FlushRequest {
  return {
    reason: a.reason === b.reason ? a.reason : `${a.reason}, ${b.reason}`,
    deadlineMs: Math.min(a.deadlineMs, b.deadlineMs),
    onDeadline: b.onDeadline === 'cut' || a.onDeadline === 'auto' ? b.onDeadline : a.onDeadline,
    abandoned: a.abandoned || b.abandoned,
    gone: [...a.gone, ...b.gone],
    lazy: a.lazy && b.lazy,
    hold: a.hold || b.hold,
  }
}

/**
 * What happens to stragglers. `'stay'` keeps them as long as the client that serves is connected to their server;
 * `'keep'` for good.
 */
export type Verdict = 'stay' | 'keep' | 'cut'

/** What a request does at its deadline with stragglers at `peers`, when the fresh client is connected to `freshPeers`. */
export function verdictOf(
  { onDeadline, abandoned, gone }: FlushRequest,
  peers: readonly string[],
  freshPeers: readonly string[],
): Verdict {
  if (onDeadline !== 'auto') return onDeadline
  const isGone = (peer: string): boolean => gone.includes(addressOf(peer))
  return abandoned || peers.some(isGone) || !shareServer(peers, freshPeers) ? 'cut' : 'stay'
}
