import { palette } from './palette.js'

/** How high the lane below a chart is: a row for the generations that serve, one for those that retire. */
export const LANE_HEIGHT = 32
const ROW = 15
const RETIRING_ROW = 13
const GAP = 3

/** Draws the generations of a client below its chart, on the same time. */
export function drawLane(chart, generations) {
  const { ctx, bbox } = chart
  const ratio = devicePixelRatio
  const [from, until] = [chart.scales.x.min, chart.scales.x.max]
  const now = chart.data[0].at(-1) ?? 0
  const x = (at) => chart.valToPos(Math.min(until, Math.max(from, at)), 'x', true)
  const top = bbox.top + bbox.height + GAP * ratio
  ctx.save()
  ctx.textBaseline = 'middle'
  for (const { number, from: since, retiredAt, side } of generations) {
    const [left, right] = [x(since), x(retiredAt ?? now)]
    if (right <= left) continue
    ctx.fillStyle = palette[`${side}-wash`] ?? palette.line
    ctx.fillRect(left, top, right - left - ratio, ROW * ratio)
    label(ctx, String(number), left, right, top + (ROW / 2) * ratio, palette[side] ?? palette.quiet)
  }
  const row = top + (ROW + 2) * ratio
  // The one that takes longest lies on top: those that retire meanwhile take a moment only.
  const retiring = generations.filter(({ retiredAt }) => retiredAt !== undefined)
  const taken = ({ retiredAt, gone }) => (gone ?? now) - retiredAt
  for (const { retiredAt, gone, side, leases, leasesAtSwap } of retiring.sort((a, b) => taken(a) - taken(b))) {
    const left = x(retiredAt)
    const right = Math.max(x(gone ?? now), left + 3 * ratio)
    const colour = palette[side] ?? palette.quiet
    ctx.fillStyle = palette.card
    ctx.fillRect(left, row, right - left, RETIRING_ROW * ratio)
    ctx.strokeStyle = colour
    ctx.lineWidth = ratio
    ctx.strokeRect(left + 0.5 * ratio, row + 0.5 * ratio, right - left - ratio, (RETIRING_ROW - 1) * ratio)
    const count = gone === undefined ? leases : leasesAtSwap
    label(ctx, `${count} ${count === 1 ? 'lease' : 'leases'}`, left, right, row + (RETIRING_ROW / 2) * ratio, colour)
  }
  ctx.restore()
}

/** Writes only where there is room for all of it. */
function label(ctx, text, left, right, middle, colour) {
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`
  if (ctx.measureText(text).width + 6 * devicePixelRatio > right - left) return
  ctx.textAlign = 'center'
  ctx.fillStyle = colour
  ctx.fillText(text, (left + right) / 2, middle)
}
