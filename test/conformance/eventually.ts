/** Asks again and again until `condition` holds for the answer; the last answer is in the error. */
export async function eventually<T>(ask: () => Promise<T> | T, condition: (answer: T) => boolean): Promise<T> {
  const end = performance.now() + 20_000
  for (;;) {
    const answer = await ask()
    if (condition(answer)) return answer
    if (performance.now() > end) throw new Error(`it never came to that; the last answer was ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
