const dark = matchMedia('(prefers-color-scheme: dark)')
const names = ['ink', 'quiet', 'line', 'card', 'blue', 'blue-wash', 'green', 'green-wash', 'red']

/** The colours of the style sheet, for what is drawn on a canvas. */
export let palette = read()

/** Calls `listener` when the browser turns dark or light. */
export function onPalette(listener) {
  dark.addEventListener('change', () => {
    palette = read()
    listener()
  })
}

function read() {
  const style = getComputedStyle(document.documentElement)
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]))
}
