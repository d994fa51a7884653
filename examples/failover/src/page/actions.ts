import type { Side } from '../chronicle.ts'

/** What the buttons do. */
export interface Controls {
  move(side: Side): Promise<void>
  freeze(side: Side): Promise<void>
  thaw(side: Side): Promise<void>
  kill(side: Side): Promise<void>
  flush(): Promise<void>
}

/** The action that a path such as `/actions/move/green` or `/actions/flush` stands for; undefined if there is none. */
export function actionAt(path: string): ((controls: Controls) => Promise<void>) | undefined {
  const [, folder, verb, side, ...rest] = path.split('/')
  if (folder !== 'actions' || rest.length > 0) return undefined
  if (verb === 'flush' && side === undefined) return (controls) => controls.flush()
  if (side !== 'blue' && side !== 'green') return undefined
  if (verb !== 'move' && verb !== 'freeze' && verb !== 'thaw' && verb !== 'kill') return undefined
  return (controls) => controls[verb](side)
}
