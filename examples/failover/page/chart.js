import { drawLane, LANE_HEIGHT } from './lane.js'
import { onPalette, palette } from './palette.js'
import uPlot from './uplot.js'

const words = { move: 'name →', freeze: 'frozen:', thaw: 'thawed:', kill: 'killed:' }

/** The room above the plot for what was done: two rows, since things are often done one soon after the other. */
const MARK_ROW = 14
const MARK_ROWS = 2

/** One client's throughput, its failures, what was done, its flushes, and its generations: all on one time. */
export class Chart {
  #plot
  #history
  #client

  constructor(box, client, history, rate) {
    this.#history = history
    this.#client = client
    this.#plot = new uPlot(this.#options(box, rate), this.#columns(), box)
    new ResizeObserver(() => this.#plot.setSize({ width: box.clientWidth, height: box.clientHeight })).observe(box)
    onPalette(() => this.#plot.redraw(false, true))
  }

  draw() {
    this.#plot.setData(this.#columns())
  }

  #columns() {
    const [time, ...rates] = this.#history.columns(this.#client)
    return [time, ...rates.map(withoutRest)]
  }

  #options(box, rate) {
    const side = (name) => ({
      stroke: () => palette[name],
      fill: () => palette[`${name}-wash`],
      width: 2,
      points: { show: false },
    })
    return {
      width: box.clientWidth,
      height: box.clientHeight,
      padding: [MARK_ROWS * MARK_ROW + 4, 18, 0, 0],
      cursor: { show: false },
      legend: { show: false },
      scales: {
        x: { time: false, range: () => this.#history.window },
        // What waited for a frozen server comes all at once when it thaws: it may leave the chart.
        y: { range: () => [0, rate * 1.4] },
      },
      axes: [
        {
          stroke: () => palette.quiet,
          font: '11px system-ui, sans-serif',
          grid: { show: false },
          ticks: { show: false },
          gap: LANE_HEIGHT + 2,
          size: LANE_HEIGHT + 18,
          values: (_, seconds) => seconds.map((second) => `${second} s`),
        },
        {
          stroke: () => palette.quiet,
          font: '11px system-ui, sans-serif',
          grid: { stroke: () => palette.line, width: 1 },
          ticks: { show: false },
          size: 34,
          splits: () => [0, rate / 2, rate],
        },
      ],
      series: [{}, side('blue'), side('green'), { stroke: () => palette.red, width: 3, points: { show: false } }],
      hooks: {
        drawAxes: [(plot) => this.#drawFlushes(plot)],
        draw: [
          (plot) => drawLane(plot, this.#history.generations(this.#client)),
          (plot) => drawActs(plot, this.#history.acts),
        ],
      },
    }
  }

  #drawFlushes(plot) {
    for (const { from, number } of this.#history.generations(this.#client)) {
      if (number > 1) upright(plot, from, palette.quiet, [2, 4])
    }
  }
}

/** A line that lies on the ground says nothing: only the zeros beside something else are kept. */
function withoutRest(rates) {
  return rates.map((rate, index) => (rate || rates[index - 1] || rates[index + 1] ? rate : null))
}

function drawActs(plot, acts) {
  const { ctx, bbox } = plot
  const ratio = devicePixelRatio
  const taken = Array(MARK_ROWS).fill(0)
  for (const { at, kind, side } of acts) {
    const x = upright(plot, at, palette.ink, [])
    if (x === undefined) continue
    ctx.save()
    ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`
    ctx.textBaseline = 'bottom'
    ctx.textAlign = 'left'
    ctx.fillStyle = palette.ink
    const text = `${words[kind]} ${side}`
    const width = ctx.measureText(text).width
    const left = Math.min(x, bbox.left + bbox.width - width)
    // Where there is no room left the line stands alone; the log has them all.
    const row = taken.findIndex((right) => left >= right)
    if (row !== -1) {
      ctx.fillText(text, left, bbox.top - (2 + row * MARK_ROW) * ratio)
      taken[row] = left + width + 6 * ratio
    }
    ctx.restore()
  }
}

/** Draws an upright line at that time, if it is shown, and gives where. */
function upright(plot, at, colour, dash) {
  const { ctx, bbox, scales } = plot
  if (at < scales.x.min || at > scales.x.max) return undefined
  const x = Math.round(plot.valToPos(at, 'x', true))
  ctx.save()
  ctx.strokeStyle = colour
  ctx.lineWidth = devicePixelRatio
  ctx.setLineDash(dash.map((length) => length * devicePixelRatio))
  ctx.beginPath()
  ctx.moveTo(x, bbox.top)
  ctx.lineTo(x, bbox.top + bbox.height)
  ctx.stroke()
  ctx.restore()
  return x
}
