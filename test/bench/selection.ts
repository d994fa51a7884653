/** Of what to run only some; absent means all. A comma stands between several. */
export interface Selection {
  readonly client?: readonly string[] | undefined
  readonly scenario?: readonly string[] | undefined
  readonly way?: readonly string[] | undefined
  /** Cuts everything short: figures of such a run only show that it works. */
  readonly quick?: boolean | undefined
}

/** Those of the known ones that were asked for; throws a `RangeError` that tells what there is. */
export function chosen<Name extends string>(
  what: string,
  asked: readonly string[] | undefined,
  known: readonly Name[],
): Name[] {
  const wanted = asked?.flatMap((list) => list.split(',').map((name) => name.trim()))
  const unknown = wanted?.find((name) => !known.some((each) => each === name))
  if (unknown !== undefined) throw new RangeError(`Expected --${what} to be of ${known.join(' | ')}, got '${unknown}'`)
  return known.filter((name) => wanted === undefined || wanted.includes(name))
}
