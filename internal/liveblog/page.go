package liveblog

// PageQuery selects the published posts of a reader's page. The zero value, with a Limit, is
// the first page: the newest posts.
type PageQuery struct {
	Cursor      int64  // position of the post after which the page starts, in the order of the page; 0 is the start
	OldestFirst bool   // order by position ascending instead of descending
	KeyEvents   bool   // only key events
	Tag         string // only posts with this tag, in its normal form; "" is all
	Limit       int    // most posts in Page.Posts, at least 1
}

// MaxKeyEvents is how many key events a page lists at most, the newest ones.
const MaxKeyEvents = 30

// Page is what a reader's page shows. All of it is from one snapshot, so the stream continues
// exactly after Blog.LastSeq of Blog.Epoch, whose chain is Blog.Chain.
type Page struct {
	Blog      Blog
	Pinned    *Post  // nil when nothing is pinned, or the pinned post is not published
	KeyEvents []Post // newest first, at most MaxKeyEvents, whatever the query
	Posts     []Post // in the order of the query, with Views and Pinned
	Next      int64  // Cursor of the page after this one: the position of the last of Posts; 0 when none follow
	First     bool   // no matching post comes before Posts in the order of the query
}
