import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One file of the page. */
export interface PageFile {
  readonly type: string
  readonly body: Buffer
}

const own = fileURLToPath(new URL('../../page/', import.meta.url))
const chart = join(createRequire(import.meta.url).resolve('uplot'), '..')

const html = 'text/html; charset=utf-8'
const css = 'text/css; charset=utf-8'
const script = 'text/javascript; charset=utf-8'

/** Everything that is served, by path: there is nothing to look up, so no path leads anywhere else. */
const sources: Readonly<Record<string, readonly [type: string, folder: string, name: string]>> = {
  '/': [html, own, 'index.html'],
  '/page.css': [css, own, 'page.css'],
  '/main.js': [script, own, 'main.js'],
  '/card.js': [script, own, 'card.js'],
  '/chart.js': [script, own, 'chart.js'],
  '/palette.js': [script, own, 'palette.js'],
  '/lane.js': [script, own, 'lane.js'],
  '/history.js': [script, own, 'history.js'],
  '/controls.js': [script, own, 'controls.js'],
  '/log.js': [script, own, 'log.js'],
  '/uplot.js': [script, chart, 'uPlot.esm.js'],
  '/uplot.css': [css, chart, 'uPlot.min.css'],
}

/** Reads the page from disk: nothing of it comes from the network. */
export async function readFiles(): Promise<ReadonlyMap<string, PageFile>> {
  return new Map(
    await Promise.all(
      Object.entries(sources).map(
        async ([path, [type, folder, name]]) => [path, { type, body: await readFile(join(folder, name)) }] as const,
      ),
    ),
  )
}
