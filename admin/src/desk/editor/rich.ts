import { baseKeymap, lift, setBlockType, toggleMark, wrapIn } from 'prosemirror-commands'
import { dropCursor } from 'prosemirror-dropcursor'
import { gapCursor } from 'prosemirror-gapcursor'
import { history, redo, undo } from 'prosemirror-history'
import { inputRules, textblockTypeInputRule, undoInputRule, wrappingInputRule } from 'prosemirror-inputrules'
import { keymap } from 'prosemirror-keymap'
import { DOMSerializer, type NodeType, type Slice } from 'prosemirror-model'
import { liftListItem, sinkListItem, splitListItem, wrapInList } from 'prosemirror-schema-list'
import { type Command, EditorState, type Plugin, Selection } from 'prosemirror-state'
import { EditorView } from 'prosemirror-view'
import 'prosemirror-view/style/prosemirror.css'
import 'prosemirror-gapcursor/style/gapcursor.css'
import { parse } from './markdown/parse'
import type { Format } from './markdown/plain'
import { schema } from './markdown/schema'
import { serialize } from './markdown/serialize'

const { nodes, marks } = schema

export interface RichOptions {
  markdown: string
  label: string
  onChange: (markdown: string) => void
  onActive: (formats: Set<Format>) => void
  /** Returns whether the images were taken. */
  onImages: (data: DataTransfer | null) => boolean
}

const lists = [nodes.bullet_list!, nodes.ordered_list!]

const commands: Record<Format, Command> = {
  bold: toggleMark(marks.strong!),
  italic: toggleMark(marks.em!),
  strike: toggleMark(marks.strike!),
  code: toggleMark(marks.code!),
  heading: (state, dispatch, view) =>
    (inside(state, nodes.heading!) ? setBlockType(nodes.paragraph!) : setBlockType(nodes.heading!, { level: 2 }))(state, dispatch, view),
  bullets: (state, dispatch) => toggleList(nodes.bullet_list!)(state, dispatch),
  numbers: (state, dispatch) => toggleList(nodes.ordered_list!)(state, dispatch),
  quote: (state, dispatch) => (inside(state, nodes.blockquote!) ? lift : wrapIn(nodes.blockquote!))(state, dispatch),
}

function toggleList(type: NodeType): Command {
  return (state, dispatch) =>
    inside(state, type) ? liftListItem(nodes.list_item!)(state, dispatch) : wrapInList(type)(state, dispatch)
}

function inside(state: EditorState, type: NodeType): boolean {
  const { $from } = state.selection
  for (let d = $from.depth; d > 0; d--) if ($from.node(d).type === type) return true
  return false
}

function activeFormats(state: EditorState): Set<Format> {
  const { from, $from, to, empty } = state.selection
  const has = (name: string) => {
    const type = marks[name]!
    return empty ? !!type.isInSet(state.storedMarks ?? $from.marks()) : state.doc.rangeHasMark(from, to, type)
  }
  const all: [Format, boolean][] = [
    ['bold', has('strong')], ['italic', has('em')], ['strike', has('strike')], ['code', has('code')],
    ['heading', inside(state, nodes.heading!)], ['bullets', inside(state, lists[0]!)],
    ['numbers', inside(state, lists[1]!)], ['quote', inside(state, nodes.blockquote!)],
  ]
  return new Set(all.filter(([, on]) => on).map(([f]) => f))
}

const hardBreak: Command = (state, dispatch) => {
  dispatch?.(state.tr.replaceSelectionWith(nodes.hard_break!.create()).scrollIntoView())
  return true
}

function plugins(): Plugin[] {
  return [
    inputRules({
      rules: [
        wrappingInputRule(/^\s*([-+*])\s$/, nodes.bullet_list!),
        wrappingInputRule(/^\s*>\s$/, nodes.blockquote!),
        textblockTypeInputRule(/^(#{1,4})\s$/, nodes.heading!, (m) => ({ level: m[1]!.length })),
      ],
    }),
    keymap({
      'Mod-z': undo, 'Shift-Mod-z': redo, 'Mod-y': redo,
      'Mod-b': commands.bold, 'Mod-i': commands.italic,
      Backspace: undoInputRule, 'Shift-Enter': hardBreak, Enter: splitListItem(nodes.list_item!),
      'Mod-]': sinkListItem(nodes.list_item!), 'Mod-[': liftListItem(nodes.list_item!),
    }),
    keymap(baseKeymap), history(), dropCursor(), gapCursor(),
  ]
}

/** A rich text editor over a Markdown value. */
export class RichEditor {
  #view: EditorView
  #markdown: string

  constructor(host: HTMLElement, private readonly o: RichOptions) {
    this.#markdown = o.markdown
    this.#view = new EditorView(host, {
      state: this.#fresh(o.markdown),
      attributes: { role: 'textbox', 'aria-multiline': 'true', 'aria-label': o.label, class: 'prose', spellcheck: 'true' },
      dispatchTransaction: (tr) => this.#dispatch(tr),
      handlePaste: (_, e) => o.onImages(e.clipboardData),
      handleDrop: (_, e) => o.onImages(e.dataTransfer),
      clipboardTextSerializer: (slice) => textOf(slice),
    })
  }

  get markdown(): string { return this.#markdown }

  /** Replaces the text, when it is another one than the editor has. */
  set markdown(value: string) {
    if (value === this.#markdown) return
    this.#markdown = value
    this.#view.updateState(this.#fresh(value))
    this.o.onActive(activeFormats(this.#view.state))
  }

  run(format: Format): void {
    commands[format](this.#view.state, this.#view.dispatch, this.#view)
    this.#view.focus()
  }

  /** Links the selection, or puts the address itself. */
  link(href: string): void {
    const { state } = this.#view
    const mark = marks.link!.create({ href })
    const tr = state.selection.empty
      ? state.tr.replaceSelectionWith(schema.text(href, [mark]), false)
      : state.tr.addMark(state.selection.from, state.selection.to, mark)
    this.#view.dispatch(tr.scrollIntoView())
    this.#view.focus()
  }

  /** Puts blocks of Markdown after the one with the cursor, or in its place when it is empty. */
  insert(markdown: string): void {
    const { tr, selection: { $from } } = this.#view.state
    const blocks = parse(markdown).content
    const [before, after] = $from.depth > 0 ? [$from.before(1), $from.after(1)] : [$from.pos, $from.pos]
    const empty = $from.depth === 1 && $from.parent.content.size === 0
    tr.replaceWith(empty ? before : after, after, blocks)
    const end = (empty ? before : after) + blocks.size
    if (end === tr.doc.content.size) tr.insert(end, nodes.paragraph!.create())
    this.#view.dispatch(tr.setSelection(Selection.near(tr.doc.resolve(end))).scrollIntoView())
  }

  focus(): void {
    this.#view.focus()
  }

  destroy(): void {
    this.#view.destroy()
  }

  #fresh(markdown: string): EditorState {
    return EditorState.create({ doc: parse(markdown), plugins: plugins() })
  }

  #dispatch(tr: Parameters<EditorView['dispatch']>[0]): void {
    const state = this.#view.state.apply(tr)
    this.#view.updateState(state)
    this.o.onActive(activeFormats(state))
    if (!tr.docChanged) return
    this.#markdown = serialize(state.doc)
    this.o.onChange(this.#markdown)
  }
}

/** What a copy gives to programs that take plain text. */
function textOf(slice: Slice): string {
  const host = document.createElement('div')
  host.append(DOMSerializer.fromSchema(schema).serializeFragment(slice.content))
  return slice.content.textBetween(0, slice.content.size, '\n\n', '\n') || (host.textContent ?? '')
}
