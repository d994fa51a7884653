/** What arrives by a subscription. */
export interface Receiver {
  message(text: unknown): void
  /** The subscription has ended by itself, and the client will not renew it. */
  lost(error: unknown): void
}

/** Ends a subscription. Nothing is received from the moment of the call. */
export type Unsubscribe = () => Promise<unknown>

/** One channel of a user's client. */
export interface Bus {
  /** The word for it in events. */
  readonly name: string
  /** Subscribes; rejects if that fails, with nothing left of it. */
  subscribe(receiver: Receiver): Promise<Unsubscribe>
}
