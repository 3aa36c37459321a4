// Finds elements of the page, and makes new ones.

export const main = document.querySelector('main')
export const slug = main.dataset.slug
export const base = `/api/v1/blogs/${slug}/`
export const one = (selector, within = main) => within.querySelector(selector)
export const all = (selector, within = main) => [...within.querySelectorAll(selector)]
export const articles = within => all('.feed > article', within)
export const keys = within => all('.key-events li', within)
export const waiting = () => all('.feed > article[hidden]')
export const parse = html => {
  const template = document.createElement('template')
  template.innerHTML = html
  return template.content.firstElementChild
}
export const plural = (n, noun) => `${n.toLocaleString()} ${noun}${n === 1 ? '' : 's'}`
