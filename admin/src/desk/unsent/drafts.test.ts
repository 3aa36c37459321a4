import { beforeEach, expect, test } from 'vitest'
import { Drafts, emptyFields } from './drafts'
import { MemoryStore } from '../../browser/memory.testing'

let store: MemoryStore
const text = (body: string) => ({ ...emptyFields(), body })
const tab = (name: string, user = 'anna') => new Drafts(store, user, name, () => 1000)

beforeEach(() => { store = new MemoryStore() })

test('a text is there after a reload', () => {
  tab('one').save('final', 'new', text('Goal!'))
  expect(tab('two').load('final', 'new')).toEqual({ fields: text('Goal!'), base: 0, at: 1000, tab: 'one' })
})

test('users, blogs and places are apart', () => {
  tab('one').save('final', 'new', text('mine'))
  expect(tab('one', 'ben').load('final', 'new')).toBeNull()
  expect(tab('one').load('other', 'new')).toBeNull()
  expect(tab('one').load('final', 'post-1')).toBeNull()
})

test('an emptied composer leaves nothing', () => {
  const drafts = tab('one')
  drafts.save('final', 'new', text('x'))
  drafts.save('final', 'new', { ...emptyFields(), byline: 'Anna', key_event: true })
  expect(store.length).toBe(0)
})

test('an emptied edit is kept: emptiness is the edit', () => {
  tab('one').save('final', 'post-1', emptyFields(), 3)
  expect(tab('one').load('final', 'post-1')?.base).toBe(3)
})

test('one tab does not clear the text of another', () => {
  tab('one').save('final', 'new', text('of tab one'))
  tab('two').clear('final', 'new')
  expect(tab('one').load('final', 'new')?.fields.body).toBe('of tab one')
  tab('two').adopt('final', 'new')
  tab('two').clear('final', 'new')
  expect(tab('one').load('final', 'new')).toBeNull()
})

test('a full or damaged storage is told, not thrown', () => {
  store.setItem('dateline.draft.anna.final.new', '{half')
  expect(tab('one').load('final', 'new')).toBeNull()
  store.full = true
  expect(tab('one').save('final', 'new', text('x'))).toBe(false)
})
