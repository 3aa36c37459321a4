import type { Member, MemberRole, Role, User } from '../api/names'

const ranks: Role[] = ['viewer', 'contributor', 'editor', 'admin']
const memberRoles: MemberRole[] = ['editor', 'contributor', 'viewer']

/** What a role on one blog is called where it is chosen. */
export const roleNames: Record<MemberRole, string> = {
  editor: 'Editor: publishes',
  contributor: 'Contributor: submits for approval',
  viewer: 'Viewer: reads drafts',
}

/** The roles on one blog that give a user more than the account does everywhere. */
export function rolesAbove(role: Role): MemberRole[] {
  return memberRoles.filter((r) => ranks.indexOf(r) > ranks.indexOf(role))
}

/** What is offered for somebody who is a member already: the present role too. */
export function rolesFor(member: Member): MemberRole[] {
  const above = rolesAbove(member.user.role)
  return memberRoles.filter((r) => r === member.role || above.includes(r))
}

/** Who gains by being a member and is none yet, by name. */
export function candidates(users: User[], members: Member[]): User[] {
  const known = new Set(members.map((m) => m.user.id))
  return users
    .filter((u) => !u.disabled && !known.has(u.id) && rolesAbove(u.role).length > 0)
    .sort((a, b) => a.name.localeCompare(b.name))
}
