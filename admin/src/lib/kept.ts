import { Drafts } from './drafts'
import { uuid } from './id'
import { session } from './session.svelte'

const tab = uuid()

/** The unfinished texts of the user who is signed in. */
export const draftsOfUser = () => new Drafts(localStorage, session.user?.id ?? '', tab)
