package liveblog

import "github.com/google/uuid"

// BlogURL is the path of a blog's page for readers.
func BlogURL(slug string) string { return "/b/" + slug }

// PostURL is the path of the page of one post.
func PostURL(slug string, id uuid.UUID) string { return BlogURL(slug) + "/p/" + id.String() }
