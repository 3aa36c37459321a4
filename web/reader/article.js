// Makes the article of a post, and adds what needs a script: embeds, sharing, counts.

import { all, one, parse } from './dom.js'
import { showTimes } from './times.js'
import { seen, showViews } from './views.js'

/** @param {HTMLElement} article */
export const enhance = article => {
  showViews(article)
  seen.observe(article)
  for (const figure of all('.embed[data-embed-src]', article)) {
    if (one('button', figure)) continue
    const name = figure.dataset.embedProvider
    figure.prepend(parse('<button class=load></button>'))
    figure.firstChild.textContent = `Load from ${name}: this sends data to ${name}`
  }
}

/** @param {HTMLElement} figure */
export const load = figure => {
  const frame = parse('<iframe sandbox="allow-scripts allow-same-origin allow-popups" allow="fullscreen"></iframe>')
  frame.title = figure.dataset.embedProvider
  frame.src = figure.dataset.embedSrc
  figure.firstChild.replaceWith(frame)
}

export const share = async button => {
  const url = location.origin + button.dataset.url
  if (navigator.share) return navigator.share({ url }).catch(() => {})
  if (!navigator.clipboard) return prompt('Link', url)
  await navigator.clipboard.writeText(url)
  button.textContent = 'Link copied'
}

/** Makes the article of a post from its two halves in the stream. */
export const build = post => {
  const article = parse(post.article)
  one('.post-body', article).innerHTML = post.html
  enhance(article)
  showTimes(article)
  return article
}

/** A copy for the pinned box: element ids must not come twice. */
export const copy = article => {
  const twin = parse(article.outerHTML.replaceAll('"p-', '"pinned-'))
  twin.hidden = false
  enhance(twin)
  return twin
}
