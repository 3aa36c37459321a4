const letters: Record<string, string> = { ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', đ: 'd', ł: 'l', þ: 'th', ð: 'd', ı: 'i', ä: 'ae', ö: 'oe', ü: 'ue' }
const max = 64
const min = 3

/** Suggests a slug for a title; empty when the title has no Latin letters or digits to use. */
export function suggestSlug(title: string): string {
  const latin = title.normalize('NFC').toLowerCase().replace(/[ßæœøđłþðıäöü]/g, (c) => letters[c]!)
  const words = latin.normalize('NFD').replace(/\p{M}/gu, '').replace(/['’]/g, '').split(/[^a-z0-9]+/).filter(Boolean)
  const slug = fit(words)
  return slug.length >= min || slug === '' ? slug : `${slug}-live`
}

/** As many whole words as fit. */
function fit(words: string[]): string {
  let slug = ''
  for (const word of words) {
    const longer = slug ? `${slug}-${word}` : word
    if (longer.length > max) break
    slug = longer
  }
  return slug || (words[0] ?? '').slice(0, max)
}
