import { Card } from './card.js'
import { hand, say, showScene } from './controls.js'
import { History } from './history.js'
import { clearLog, log } from './log.js'

const pulse = document.querySelector('#pulse')
const pulseText = document.querySelector('#pulse-text')
const main = document.querySelector('#clients')
const grid = document.querySelector('#grid')

let setting
let history
let cards = []

const events = new EventSource('events')
const on = (kind, listener) => events.addEventListener(kind, ({ data }) => listener(JSON.parse(data)))

// Comes first, and again after each connection that was lost: with it everything begins anew.
on('welcome', ({ samples, marks, end, ...told }) => {
  setting = told
  history = new History()
  cards = []
  grid.replaceChildren()
  clearLog()
  main.hidden = true
  show('waiting', 'starting')
  const kept = [...samples.map((each) => [sample, each]), ...marks.map((each) => [mark, each])]
  for (const [take, each] of kept.sort(([, a], [, b]) => a.at - b.at)) take(each)
  if (end) finish(end)
  else if (samples.length > 0) draw()
})
on('sample', (each) => {
  sample(each)
  draw()
})
on('mark', (each) => mark(each))
on('end', finish)
events.onerror = () => show('lost', 'not connected')

function sample(each) {
  history.sample(each)
}

function mark(each) {
  history.mark(each)
  log(each)
}

function draw() {
  const { latest } = history
  if (cards.length === 0) {
    hand(setting.interactive)
    main.hidden = false
    cards = latest.clients.map(({ name }) => new Card(name, { history, grid, ...setting }))
  }
  showScene(latest)
  for (const card of cards) card.draw()
  show('live', `live, ${Math.floor(latest.at)} s`)
}

/** The scripted run is over: what is shown stays. */
function finish({ passed }) {
  events.close()
  if (history.latest) draw()
  say(
    passed
      ? 'The run is over: the wrapped clients came over with no failed query.'
      : 'The run is over, and a wrapped client did not come over as it should have.',
  )
  show('over', 'over')
}

function show(state, text) {
  pulse.dataset.state = state
  pulseText.textContent = text
}
