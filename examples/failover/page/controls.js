const notice = document.querySelector('#notice')
const move = document.querySelector('#move')
const flush = document.querySelector('#flush')
const points = document.querySelector('#points')
const servers = [...document.querySelectorAll('.server')]

const other = { blue: 'green', green: 'blue' }
let latest

/** Shows where the name points and how the servers are, and names the buttons after what they would do now. */
export function showScene(sample) {
  latest = sample
  points.textContent = sample.name
  points.dataset.side = sample.name
  move.dataset.now = other[sample.name]
  for (const server of servers) {
    const { side } = server.dataset
    const state = sample.servers[side]
    server.dataset.state = state
    server.toggleAttribute('data-points', sample.name === side)
    write(server.querySelector('.state'), state)
    server.querySelector('[data-verb=freeze]').dataset.now = state === 'frozen' ? 'thaw' : 'freeze'
  }
}

/** Lets the buttons work, or says who is in charge instead. */
export function hand(over) {
  for (const button of document.querySelectorAll('.buttons button')) button.disabled = !over
  say(
    over
      ? 'Over to you: move the name, freeze a server, and watch who notices.'
      : 'A script is in charge. pnpm demo --page hands the buttons over to you.',
  )
}

/** Says something about the whole. */
export function say(text) {
  write(notice, text)
}

move.addEventListener('click', () => act(`move/${other[latest.name]}`, `The name points at ${other[latest.name]}.`))
flush.addEventListener('click', () => act('flush', 'Both wrapped clients are on a fresh generation.'))
for (const server of servers) {
  const { side } = server.dataset
  server.querySelector('[data-verb=freeze]').addEventListener('click', () => {
    const verb = latest.servers[side] === 'frozen' ? 'thaw' : 'freeze'
    act(`${verb}/${side}`, verb === 'thaw' ? `${side} goes on where it stood.` : `${side} answers nothing any more.`)
  })
  server
    .querySelector('[data-verb=kill]')
    .addEventListener('click', () => act(`kill/${side}`, `${side} has ended the connections of all clients.`))
}

async function act(path, done) {
  if (latest === undefined) return
  try {
    const answer = await fetch(`actions/${path}`, { method: 'POST', headers: { 'x-demo-action': path } })
    const text = answer.ok ? done : await answer.text()
    say(text[0].toUpperCase() + text.slice(1))
  } catch {
    say('The demo cannot be reached: has it ended?')
  }
}

/** Leaves what is the same alone: a screen reader reads again what is written again. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text
}
