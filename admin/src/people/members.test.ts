import { expect, test } from 'vitest'
import { candidates, rolesAbove, rolesFor } from './members'
import type { Member, MemberRole, Role, User } from '../api/names'

const user = (name: string, role: Role, disabled = false): User =>
  ({ id: name, email: `${name}@example.org`, name, role, disabled, created_at: '' })
const member = (name: string, account: Role, role: MemberRole): Member => ({ user: user(name, account), role })

test('a role on one blog is offered where it gives more than the account', () => {
  expect(rolesAbove('viewer')).toEqual(['editor', 'contributor'])
  expect(rolesAbove('contributor')).toEqual(['editor'])
  expect(rolesAbove('editor')).toEqual([])
  expect(rolesAbove('admin')).toEqual([])
})

test('the present role of a member stays among those offered', () => {
  expect(rolesFor(member('anna', 'viewer', 'viewer'))).toEqual(['editor', 'contributor', 'viewer'])
  expect(rolesFor(member('anna', 'viewer', 'editor'))).toEqual(['editor', 'contributor'])
  expect(rolesFor(member('anna', 'editor', 'contributor'))).toEqual(['contributor'])
})

test('only those can be added who gain by it', () => {
  const users = [user('Zoe', 'viewer'), user('Ada', 'admin'), user('Ed', 'editor'), user('Cleo', 'contributor'), user('Gone', 'viewer', true), user('Mia', 'viewer')]
  expect(candidates(users, [member('Mia', 'viewer', 'editor')]).map((u) => u.name)).toEqual(['Cleo', 'Zoe'])
})
