/** A name and port that a client was told to connect to. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/**
 * Knows how to open, check, retire, close and cut one kind of client.
 *
 * A driver is translation and holds no policy: no timers, retries, counting or options. Core calls it so that
 * - `close` is called at most once per client, and only when no lease on it is left;
 * - `cut` may come at any time after `open`, also while `check`, `warm`, `retire` or `close` is still pending;
 * - no method is called for a client after its `close` has resolved or its `cut` has returned.
 *
 * A rejection of `open`, `check` or `writable` fails the flush and leaves the old client in service. A rejection of
 * any other method is reported in an event and otherwise ignored: those methods only tidy up. `connections` and `peers`
 * that throw are taken for not telling, and reported once per client.
 */
export interface Driver<Client> {
  /** Label in events, errors and metrics, unless the user names the instance. */
  readonly name: string

  /**
   * True where several leases may share one connection (postgres.js). Core then queues only while generations
   * overlap; otherwise it never hands out more leases than `limit`, so that the client's own queue stays empty.
   */
  readonly pipelines?: boolean

  /** Constructs a client that looks its name up anew. Once `signal` aborts, nobody waits for the result any more. */
  open(signal: AbortSignal): Client | Promise<Client>

  /** Proves that the client can serve, and leaves the connection that it used warm. */
  check(client: Client, signal: AbortSignal): Promise<void>

  /**
   * True where a client connects as soon as it is opened. A timed flush of such a client that nobody uses is left to its
   * next use, and a flush waits for the generation that drains on the same server: until it is gone, or kept.
   */
  eager?(client: Client): boolean

  /** How many connections the client may hold at once. */
  limit?(client: Client): number

  /** How many connections the client holds now: connecting, busy, idle, and closing until they are closed. */
  connections?(client: Client): number

  /**
   * Called as a lease ends, on the way of every query: where the client does not keep the connection that it had, as
   * node-postgres closes each on which a statement has failed, a promise of the moment when that is closed. Until then,
   * or for `checkTimeoutMs`, nobody is served in its place. Must not throw.
   */
  parting?(client: Client): Promise<void> | undefined

  /** The addresses that the client's live sockets are really connected to, as `address:port`; undefined if unknown. */
  peers?(client: Client): readonly string[] | undefined

  /** The names and ports that the client was told. */
  endpoints?(client: Client): readonly Endpoint[]

  /** Whether the server that answers accepts writes. */
  writable?(client: Client, signal: AbortSignal): Promise<boolean>

  /** Names what an error says about the server ('read-only', 'shutdown', 'lost' …), if it says anything. */
  suspect?(error: unknown): string | undefined

  /** Leaves the client with `count` open, idle connections; opens what is missing one after the other. */
  warm?(client: Client, count: number, signal: AbortSignal): Promise<void>

  /**
   * Closes up to `count` idle connections of a client that goes on serving; resolves when they are closed. Where it closes
   * none though one is idle, the connection that checks a fresh client comes on top.
   */
  shrink?(client: Client, count: number): Promise<void>

  /**
   * Closes every idle connection of a client that gets no new work; resolves when those are closed. Called at the swap
   * and again as leases end, so it must be safe to repeat. `busy` leases may still have a connection each.
   */
  retire?(client: Client, busy: number): Promise<void>

  /** Closes the client; nothing is in flight. */
  close(client: Client): Promise<void>

  /**
   * Drops every socket now, without a farewell. Whatever the driver leaves pending is rejected by core with `CUT`
   * before this is called.
   */
  cut(client: Client): void

  /**
   * The flusher closes: ends what the adapter holds beside the clients, and the leases of kind `'listener'`, which would
   * never end by themselves. Nothing else bounds it, so it must not wait long for a server.
   */
  dispose?(): Promise<void>
}
