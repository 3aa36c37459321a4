import { readItem, writeItem } from '../../browser/storage'

export type EditorMode = 'rich' | 'plain'

const key = 'dateline.editor'

/** Firefox on Android loses letters in rich editors: plain text is the start there. */
function preferred(): EditorMode {
  return /Android.*Firefox/.test(navigator.userAgent) ? 'plain' : 'rich'
}

/** How this device edits text. */
export function editorMode(): EditorMode {
  const kept = readItem<EditorMode>(localStorage, key)
  return kept === 'rich' || kept === 'plain' ? kept : preferred()
}

export function rememberEditorMode(mode: EditorMode): void {
  writeItem(localStorage, key, mode)
}
