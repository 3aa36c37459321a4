// Package liveblog holds the nouns of the product (Blog, Post, Revision, Event,
// User, ...), their rules and the kinds of error. It does no I/O and imports
// none of the other packages.
package liveblog
