import { Drafts } from './drafts'
import { uuid } from '../../browser/id'
import { session } from '../../account/session.svelte'

const tab = uuid()

/** The unfinished texts of the user who is signed in. */
export const draftsOfUser = () => new Drafts(localStorage, session.user?.id ?? '', tab)
