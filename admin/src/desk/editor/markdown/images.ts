/** An image in a Markdown text. */
export interface ImageRef {
  start: number
  end: number
  src: string
  alt: string
  caption: string
}

const pattern = /!\[((?:\\.|[^\]\\])*)\]\(([^\s()]+)(?:\s+"((?:\\.|[^"\\])*)")?\)/g

const unescape = (s: string) => s.replace(/\\([!-/:-@[-`{-~])/g, '$1')

/** The images of a text, in order. */
export function findImages(markdown: string): ImageRef[] {
  return [...markdown.matchAll(pattern)].map((m) => ({
    start: m.index,
    end: m.index + m[0].length,
    src: m[2]!,
    alt: unescape(m[1]!),
    caption: unescape(m[3] ?? ''),
  }))
}

/** Where an image is loaded from: `media:ID` names an upload. */
export function mediaURL(src: string, width = 800): string {
  return src.startsWith('media:') ? `/media/${src.slice(6)}/${width}` : src
}

/** The id of an upload, or nothing for an image from elsewhere. */
export function mediaID(src: string): string {
  return src.startsWith('media:') ? src.slice(6) : ''
}

/** An image as Markdown; the caption is its title. */
export function imageMarkdown(src: string, alt: string, caption: string): string {
  const oneLine = (s: string) => s.replace(/\s+/g, ' ').trim()
  const title = caption ? ` "${oneLine(caption).replace(/[\\"&]/g, '\\$&')}"` : ''
  return `![${oneLine(alt).replace(/[\\[\]*_`~<&]/g, '\\$&')}](${src.replace(/[()]/g, '\\$&')}${title})`
}
