import { bareAddresses } from './linkify'

/** Writes text so that Markdown reads it as the same text: "1. FC Koeln" stays no list. */
export function escapeText(text: string, lineStart: boolean): string {
  return text
    .split('\n')
    .map((line, i) => escapeLine(line, lineStart || i > 0))
    .filter((line, i, all) => line !== '' || i === 0 || i === all.length - 1)
    .join('\n')
}

function escapeLine(line: string, lineStart: boolean): string {
  const escaped = outsideAddresses(line, escapeInline)
  return lineStart ? escapeStart(escaped) : escaped
}

/** Applies f to what is not a bare address: those are shown as they are, and become cards. */
function outsideAddresses(text: string, f: (s: string) => string): string {
  let out = ''
  let at = 0
  for (const [start, end] of bareAddresses(text)) {
    out += f(text.slice(at, start)) + text.slice(start, end)
    at = end
  }
  return out + f(text.slice(at))
}

function escapeInline(s: string): string {
  return s
    .replace(/[\\`*~[\]_]/g, (c, i: number) => (c === '_' && insideWord(s, i) ? c : `\\${c}`))
    .replace(/<(?=[a-zA-Z/!?])/g, '\\<')
    .replace(/&(?=#?\w+;)/g, '\\&')
}

function insideWord(s: string, i: number): boolean {
  return i > 0 && i + 1 < s.length && /[\p{L}\p{N}]/u.test(s[i - 1]!) && /[\p{L}\p{N}]/u.test(s[i + 1]!)
}

/** Escapes what would open a block, or underline a heading, at the start of a line. */
function escapeStart(line: string): string {
  return line
    .replace(/^[ \t]+/, '')
    .replace(/^([-+])(?=\s|$)/, '\\$1')
    .replace(/^(-)(?=[-\s]*$)/, '\\$1')
    .replace(/^(=)(?==*\s*$)/, '\\$1')
    .replace(/^>/, '\\>')
    .replace(/^#(?=#{0,5}(?:\s|$))/, '\\#')
    .replace(/^(\d{1,9})([.)])(?=\s|$)/, '$1\\$2')
}
