/** A signal that shuts a server down, and how long it may take before the next one, which asks for less, is tried. */
export interface Shutdown {
  readonly signal: 'SIGINT' | 'SIGQUIT' | 'SIGTERM'
  readonly patienceMs: number
}

/** A server's certificate and its key, both as PEM text. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** Where a server listens, and what else it is told. */
export interface Listening {
  readonly host: string
  readonly port: number
  /** With which certificate it talks to clients, who then must use TLS; none: without TLS. */
  readonly tls: Certificate | undefined
  readonly settings: Readonly<Record<string, string>>
}

/** An executable and what to call it with. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
}

/** A kind of database server: what has to be known to make its data, start its process and end it. */
export interface Engine {
  /** What it is called in errors. */
  readonly name: string
  /** What its log says once it accepts connections. */
  readonly readyLine: string
  /** Ways of shutting it down, the friendliest first. */
  readonly shutdowns: readonly [Shutdown, ...Shutdown[]]
  /** Makes a data directory, which all servers of this kind get a copy of. */
  initialise(directory: string): Promise<void>
  /** Makes a copied data directory fit for one server. */
  prepare(directory: string, listening: Listening): Promise<void>
  /** Says how to run a server on its data. */
  command(directory: string, listening: Listening): Promise<Command>
}
