want => {
  const wrong = []
  const main = document.querySelector('main')
  const textOf = html => {
    const template = document.createElement('template')
    template.innerHTML = html
    return template.content.textContent.trim()
  }
  const same = (what, is, should) => {
    if (is !== should) wrong.push(`${what} is ${JSON.stringify(is)}, not ${JSON.stringify(should)}`)
  }
  if (!window.openedByChaos) wrong.push('the page was loaded anew')
  const shown = [...main.querySelectorAll('.feed > article, main > article, .timeline > article')]
  if (shown.length < Math.min(want.least, want.posts.length)) wrong.push(`it shows ${shown.length} posts of ${want.posts.length}`)
  shown.forEach((article, i) => {
    const post = want.posts[i]
    if (!post) return wrong.push(`post ${article.dataset.id} is one more than there are`)
    same(`post ${i}`, article.dataset.id, post.id)
    if (article.dataset.id !== post.id) return
    same(`the version of post ${i}`, +article.dataset.version, post.version)
    same(`the title of post ${i}`, article.querySelector('h2')?.textContent ?? '', post.title)
    same(`the text of post ${i}`, article.querySelector('.post-body').textContent.trim(), textOf(post.html))
  })
  const keys = [...main.querySelectorAll('.key-events li')]
  if (want.keys) {
    same('the key events', keys.map(item => item.dataset.id ?? item.dataset.post).join(), want.keys.map(post => post.id).join())
    same('their titles', keys.map(item => item.querySelector('span').textContent).join('|'), want.keys.map(post => post.title).join('|'))
  }
  return wrong.slice(0, 5)
}
